"""CALL_ONCE, VAR_HANDLE, READ_VARIABLE and ASSIGN_VARIABLE: state from one frame to the next."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgekit.artifacts import QuantizedModel
from edgekit.errors import UnsupportedModelError
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.lower.operators import state
from edgekit.lower.rules import message
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import assert_matches_oracle

_NO_MASKS: dict[str, Any] = {
    "begin_mask": 0,
    "end_mask": 0,
    "ellipsis_mask": 0,
    "new_axis_mask": 0,
    "shrink_axis_mask": 0,
}


def ring_buffer(
    kept: int, added: int, channels: int, zero_point: int = 0, initial: NDArray[np.int8] | None = None
) -> bytes:
    """The last `kept` rows of a stream and the `added` new ones, as keyword spotting keeps them."""
    model = ModelBuilder()
    like: dict[str, Any] = {"scale": 0.5, "zero_point": zero_point}
    x = model.input((1, added, channels), **like)
    rows = model.variable("rows", spec((1, kept, channels), **like), initial)
    both = model.op("CONCATENATION", [rows.read(), x], spec((1, kept + added, channels), **like), axis=1)
    begin, end, strides = (
        model.constant(np.array(values, np.int32))
        for values in ((0, added, 0), (1, kept + added, channels), (1, 1, 1))
    )
    newest = model.op(
        "STRIDED_SLICE", [both, begin, end, strides], spec((1, kept, channels), **like), **_NO_MASKS
    )
    rows.assign(newest)
    return model.output(both).build()


@pytest.mark.parametrize("kept", [1, 2, 5])
@pytest.mark.parametrize("added", [1, 3])
def test_a_ring_buffer_remembers(kept: int, added: int) -> None:
    assert_matches_oracle(ring_buffer(kept, added, 4), 7)


@pytest.mark.parametrize("zero_point", [-128, -1, 0, 127])
def test_an_unassigned_variable_starts_with_its_zero_point(zero_point: int) -> None:
    assert_matches_oracle(ring_buffer(3, 1, 2, zero_point), 1)


def test_call_once_sets_the_first_value() -> None:
    initial = np.arange(-4, 4, dtype=np.int8).reshape(1, 4, 2)
    assert_matches_oracle(ring_buffer(4, 1, 2, 5, initial), 1)


def swapped(later: bool) -> bytes:
    """A frame's value comes out a frame later; the assignment comes before or after its last use."""
    model = ModelBuilder()
    x = model.input((1, 6))
    memory = model.variable("memory", spec((1, 6)))
    old = memory.read()
    if not later:
        memory.assign(x)
    joined = model.op("CONCATENATION", [old, old], spec((2, 6)), axis=0)
    if later:
        memory.assign(x)
    return model.output(joined).build()


@pytest.mark.parametrize("later", [False, True])
def test_a_value_read_before_an_assignment_stays_the_old_one(later: bool) -> None:
    assert_matches_oracle(swapped(later), 3)


def test_a_value_read_after_an_assignment_is_the_new_one() -> None:
    model = ModelBuilder()
    x = model.input((1, 6))
    memory = model.variable("memory", spec((1, 6)))
    memory.assign(x)
    model.output(memory.read(), memory.read())
    assert_matches_oracle(model.build(), 3)


def test_an_output_that_is_the_state_itself_is_the_value_read() -> None:
    model = ModelBuilder()
    x = model.input((2, 3))
    memory = model.variable("memory", spec((2, 3)))
    old = memory.read()
    memory.assign(x)
    flat = model.op("RESHAPE", [old], spec((6,)))
    assert_matches_oracle(model.output(old, flat).build(), 3)


def test_a_state_shifted_within_itself_keeps_its_bytes_apart() -> None:
    model = ModelBuilder()
    x = model.input((1, 2))
    memory = model.variable("memory", spec((8,)), np.arange(8, dtype=np.int8))
    halves = model.op(
        "SPLIT",
        [model.constant(np.array(0, np.int32)), memory.read()],
        [spec((4,)), spec((4,))],
        num_splits=2,
    )
    memory.assign(model.op("CONCATENATION", [halves + 1, halves], spec((8,)), axis=0))
    model.output(halves, model.op("RESHAPE", [x], spec((2,))))
    assert_matches_oracle(model.build(), 3)


def test_two_variables_of_32_bits_trade_places() -> None:
    model = ModelBuilder()
    x = model.input((1, 3), "int32")
    first = model.variable("first", spec((1, 3), "int32"), np.array([[1, -2, 3]], np.int32))
    second = model.variable("second", spec((1, 3), "int32"), np.array([[4, 5, -6]], np.int32))
    a, b = first.read(), second.read()
    first.assign(b)
    second.assign(x)
    assert_matches_oracle(model.output(a, b).build(), 5)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 5), st.integers(-128, 127), st.integers(0, 99))
def test_any_ring_buffer_remembers(kept: int, added: int, channels: int, zero_point: int, seed: int) -> None:
    assert_matches_oracle(ring_buffer(kept, added, channels, zero_point), seed)


# --------------------------------------------------------------------------------------- rules
# Ingest refuses such files; the rules hold graphs made by other hands to the same.


def refusal(model: QuantizedModel) -> str:
    with pytest.raises(UnsupportedModelError) as error:
        lower(model)
    return str(error.value)


def test_a_variable_without_a_first_value_is_refused() -> None:
    model = read_tflite(ring_buffer(2, 1, 2), name="model")
    orphaned = dataclasses.replace(model, graph=dataclasses.replace(model.graph, variables=()))
    assert message(state.handle_is_known) in refusal(orphaned)


def test_a_variable_of_another_size_is_refused() -> None:
    model = read_tflite(ring_buffer(2, 1, 2), name="model")
    (variable,) = model.graph.variables
    smaller = dataclasses.replace(variable, shape=(1,), initial=np.zeros(1, np.int8))
    altered = dataclasses.replace(model, graph=dataclasses.replace(model.graph, variables=(smaller,)))
    assert message(state.value_fits_variable) in refusal(altered)

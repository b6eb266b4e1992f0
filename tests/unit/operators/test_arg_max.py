"""ARG_MAX against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.lower.operators.arg_max import (
    axis_is_a_constant,
    axis_is_short,
    output_lacks_the_axis,
    positions_are_integers,
)
from edgekit.lower.rules import input_is_int8
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import assert_matches_litert, assert_matches_oracle, assert_refused

LITERT_REFERENCED = {
    "ARG_MAX to int64, or with an int64 axis": "TFLite Micro gives and takes int32 only.",
}


def _model(
    shape: tuple[int, ...], axis: Any, dtype: str = "int32", *, out: Any = None, source: str = "int8"
) -> bytes:
    axis = np.asarray(axis, np.int32) if not isinstance(axis, np.ndarray) else axis
    model = ModelBuilder()
    x = model.input(shape, source, 0.1, 3)
    if out is None:
        number = int(axis.reshape(-1)[0]) % len(shape)
        out = shape[:number] + shape[number + 1 :]
    model.op("ARG_MAX", [x, model.constant(axis)], spec(out, dtype), output_type=dtype.upper())
    return model.build()


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, -4])
def test_every_axis(axis: int) -> None:
    assert_matches_oracle(_model((2, 3, 4, 5), axis))


@pytest.mark.parametrize("shape", [(1,), (7,), (1, 10), (3, 1000), (70000,), (1, 1, 1)])
def test_sizes(shape: tuple[int, ...]) -> None:
    assert_matches_oracle(_model(shape, -1))


def test_the_first_of_equals_wins() -> None:
    values = np.zeros((3, 6), np.int8)
    values[1, 2] = values[1, 4] = 127
    values[2] = -128
    assert_matches_oracle(_model((3, 6), 1), [(values,)])


def test_int64_positions_and_axes() -> None:
    assert_matches_litert(_model((2, 3, 4), 1, "int64"))
    assert_matches_litert(_model((2, 3, 4), np.array(-1, np.int64)))


@given(shape=st.lists(st.integers(1, 9), min_size=1, max_size=5), data=st.data(), seed=st.integers(0, 2**32))
@settings(max_examples=12, deadline=None, derandomize=True)
def test_any_shape_and_axis(shape: list[int], data: st.DataObject, seed: int) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    values = np.random.default_rng(seed).integers(-3, 3, shape).astype(np.int8)
    assert_matches_oracle(_model(tuple(shape), axis), [(values,)])


@pytest.mark.parametrize("axis", [2, -3, [0, 1]])
def test_an_axis_that_is_not_there_is_refused(axis: Any) -> None:
    assert_refused(_model((2, 3), axis, out=(2,)), axis_is_a_constant)


def test_an_axis_that_is_computed_is_refused() -> None:
    model = ModelBuilder()
    x, axis = model.input((2, 3), "int8", 0.1), model.input((1,), "int32")
    model.op("ARG_MAX", [x, axis], spec((2,), "int32"), output_type="INT32")
    assert_refused(model.build(), axis_is_a_constant)


def test_an_axis_too_long_for_its_positions_is_refused() -> None:
    assert_refused(_model(((1 << 23) + 1,), 0), axis_is_short)


def test_other_types_and_shapes_are_refused() -> None:
    assert_refused(_model((2, 3), 1, out=(3,)), output_lacks_the_axis)
    assert_refused(_model((2, 3), 1, out=(2, 1)), output_lacks_the_axis)
    assert_refused(_model((2, 3), 1, "int16"), positions_are_integers)
    assert_refused(_model((2, 3), 1, source="int16"), input_is_int8)

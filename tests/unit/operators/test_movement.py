"""GATHER and TRANSPOSE."""

from __future__ import annotations

import math
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.lower.operators import movement
from edgekit.testing.native import run_native
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import (
    assert_matches_litert,
    assert_matches_oracle,
    assert_refused,
)

# What the oracle lacks, and why LiteRT's reference kernels stand in.
LITERT_REFERENCED = {
    "GATHER of int32": "TFLite Micro gathers int8 and float32 only.",
    "TRANSPOSE of int32": "TFLite Micro transposes int8, int16 and float32 only.",
}


def gathered(
    shape: tuple[int, ...],
    indices: Any,
    axis: int,
    batch_dims: int = 0,
    dtype: str = "int8",
    out: tuple[int, ...] | None = None,
) -> bytes:
    """GATHER by constant indices."""
    model = ModelBuilder()
    where = np.array(indices, np.int32)
    real, batches = axis % len(shape), batch_dims + where.ndim * (batch_dims < 0)
    out = out or (*shape[:real], *where.shape[batches:], *shape[real + 1 :])
    inputs = [model.input(shape, dtype), model.constant(where)]
    model.op("GATHER", inputs, spec(out, dtype), axis=axis, batch_dims=batch_dims)
    return model.build()


def transposed(
    shape: tuple[int, ...], order: tuple[int, ...], dtype: str = "int8", out: tuple[int, ...] | None = None
) -> bytes:
    """TRANSPOSE."""
    model = ModelBuilder()
    out = out or tuple(shape[axis] for axis in order)
    model.op(
        "TRANSPOSE", [model.input(shape, dtype), model.constant(np.array(order, np.int32))], spec(out, dtype)
    )
    return model.build()


@pytest.mark.parametrize(
    ("shape", "indices", "axis", "batch_dims"),
    [
        ((5, 3), [4, 0, 0, 2], 0, 0),
        ((5, 3), [2, 1], 1, 0),
        ((5, 3), [2, 1, 0, 0], -1, 0),
        ((2, 3, 4), [[0, 2], [1, 1]], 1, 0),
        ((2, 3, 4), [[0, 2], [1, 1]], 1, 1),
        ((2, 3, 4), [[0, 2], [1, 1]], 2, 1),
        ((2, 3, 4), [[0, 2, 1], [1, 1, 3]], 2, 2),
        ((2, 3, 4), [[0, 2, 1], [1, 1, 3]], -1, -1),
        ((7,), [6], 0, 0),
        ((1, 64, 16), list(range(63, -1, -1)), 1, 0),
    ],
)
def test_gather_takes_rows_by_constant_index(
    shape: tuple[int, ...], indices: Any, axis: int, batch_dims: int
) -> None:
    assert_matches_oracle(gathered(shape, indices, axis, batch_dims))


def test_gather_by_a_scalar_drops_the_axis() -> None:
    assert_matches_oracle(gathered((4, 3), 2, 0))


def test_gather_of_integers_is_what_litert_makes_of_it() -> None:
    assert_matches_litert(gathered((4, 3), [3, 1], 0, dtype="int32"))


def by_input(shape: tuple[int, ...], count: int) -> bytes:
    model = ModelBuilder()
    data, indices = model.input(shape), model.input((count,), "int32")
    model.op("GATHER", [data, indices], spec((count, *shape[1:])), axis=0, batch_dims=0)
    return model.build()


def test_gather_takes_rows_by_computed_index() -> None:
    random = np.random.default_rng(1)
    frames = [
        (random.integers(-128, 128, (9, 4)).astype(np.int8), random.integers(0, 9, 6).astype(np.int32))
        for _ in range(4)
    ]
    assert_matches_oracle(by_input((9, 4), 6), frames)


def test_a_computed_index_outside_the_axis_reads_its_nearest_row() -> None:
    data = np.arange(12, dtype=np.int8).reshape(3, 4)
    indices = np.array([-1, 3, -(1 << 31), (1 << 31) - 1], np.int32)
    ((result,),) = run_native(by_input((3, 4), 4), [(data, indices)])
    np.testing.assert_array_equal(result, data[[0, 2, 0, 2]])


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_every_order_of_three_axes(order: tuple[int, ...]) -> None:
    assert_matches_oracle(transposed((3, 4, 5), order))


@pytest.mark.parametrize(
    ("shape", "order"),
    [
        ((1, 4, 5, 3), (0, 3, 1, 2)),
        ((1, 4, 5, 3), (0, 2, 3, 1)),
        ((1, 4, 1, 3), (0, 2, 1, 3)),
        ((2, 3, 4, 5), (1, 0, 3, 2)),
        ((2, 3, 1, 2, 3), (4, 2, 0, 3, 1)),
        ((6,), (0,)),
        ((1, 33, 17), (0, 2, 1)),
    ],
)
@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
def test_transpose_reorders_axes(shape: tuple[int, ...], order: tuple[int, ...], dtype: str) -> None:
    assert_matches_oracle(transposed(shape, order, dtype))


def test_transpose_of_integers_is_what_litert_makes_of_it() -> None:
    assert_matches_litert(transposed((2, 3, 4), (2, 0, 1), "int32"))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.data())
def test_any_transpose_matches(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=5)))
    order = tuple(data.draw(st.permutations(range(len(shape)))))
    assert_matches_oracle(transposed(shape, order))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.data())
def test_any_gather_matches(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    axis = data.draw(st.integers(0, len(shape) - 1))
    batches = data.draw(st.integers(0, axis))
    rest = tuple(data.draw(st.lists(st.integers(1, 3), max_size=2)))
    size = math.prod((*shape[:batches], *rest))
    rows = data.draw(st.lists(st.integers(0, shape[axis] - 1), min_size=size, max_size=size))
    assert_matches_oracle(gathered(shape, np.reshape(rows, (*shape[:batches], *rest)), axis, batches))


# --------------------------------------------------------------------------------------- rules


def test_indices_of_64_bits_are_refused() -> None:
    model = ModelBuilder()
    indices = model.constant(np.array([0], np.int64))
    model.op("GATHER", [model.input((3, 2)), indices], spec((1, 2)), axis=0, batch_dims=0)
    assert_refused(model.build(), movement.indices_are_int32)


@pytest.mark.parametrize(("axis", "batch_dims"), [(2, 0), (-3, 0), (0, 1), (1, 1), (1, 2), (1, -3)])
def test_gathering_along_a_missing_axis_is_refused(axis: int, batch_dims: int) -> None:
    assert_refused(gathered((3, 2), [0, 1], axis, batch_dims, out=(2, 2)), movement.gathered_axis_exists)


def test_gathering_to_another_shape_is_refused() -> None:
    assert_refused(gathered((3, 2), [0, 1], 0, out=(4,)), movement.gathered_shape_agrees)


@pytest.mark.parametrize("index", [-1, 3])
def test_constant_indices_outside_are_refused(index: int) -> None:
    assert_refused(gathered((3, 2), [0, index], 0), movement.constant_indices_exist)


@pytest.mark.parametrize("order", [(0, 0), (0, 2), (-1, 0), (0,)])
def test_an_order_that_is_no_permutation_is_refused(order: tuple[int, ...]) -> None:
    assert_refused(transposed((2, 3), order, out=(2, 3)), movement.order_is_a_permutation)


def test_a_computed_order_is_refused() -> None:
    model = ModelBuilder()
    model.op("TRANSPOSE", [model.input((2, 3)), model.input((2,), "int32")], spec((3, 2)))
    assert_refused(model.build(), movement.order_is_a_permutation)


def test_transposing_to_another_shape_is_refused() -> None:
    assert_refused(transposed((2, 3), (1, 0), out=(2, 3)), movement.transposed_shape_agrees)

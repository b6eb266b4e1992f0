"""SLICE, SPLIT, SPLIT_V and UNPACK."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.lower.operators import slicing
from edgekit.testing.tflite_builder import ModelBuilder, TensorSpec, spec
from tests.unit.operators.harness import assert_matches_litert, assert_matches_oracle, assert_refused

# What the oracle lacks, and why LiteRT's reference kernels stand in.
LITERT_REFERENCED = {"UNPACK of uint8": "TFLite Micro unpacks int8, int16, int32 and float32 only."}

Shape = tuple[int, ...]


def sliced(shape: Shape, begin: Any, size: Any, out: Shape | None = None, dtype: str = "int8") -> bytes:
    """SLICE; the output's shape follows unless it is given."""
    model = ModelBuilder()
    begin, size = np.array(begin, np.int32), np.array(size, np.int32)
    if out is None:
        out = tuple(n - b if s == -1 else s for n, b, s in zip(shape, begin, size, strict=True))
    model.op(
        "SLICE", [model.input(shape, dtype), model.constant(begin), model.constant(size)], spec(out, dtype)
    )
    return model.build()


def split(shape: Shape, axis: Any, outs: list[Shape], dtype: str = "int8") -> bytes:
    """SPLIT into outputs of these shapes."""
    model = ModelBuilder()
    parts: list[TensorSpec] = [spec(out, dtype) for out in outs]
    inputs = [model.constant(np.array(axis, np.int32)), model.input(shape, dtype)]
    model.op("SPLIT", inputs, parts, num_splits=len(outs))
    return model.build()


def split_v(shape: Shape, axis: int, sizes: list[int]) -> bytes:
    """SPLIT_V."""
    model = ModelBuilder()
    real = axis % len(shape)
    parts: list[TensorSpec] = [spec((*shape[:real], size, *shape[real + 1 :])) for size in sizes]
    x = model.input(shape)
    counts, along = model.constant(np.array(sizes, np.int32)), model.constant(np.array(axis, np.int32))
    model.op("SPLIT_V", [x, counts, along], parts, num_splits=len(sizes))
    return model.build()


def unpacked(shape: Shape, axis: int, outs: list[Shape], dtype: str = "int8") -> bytes:
    """UNPACK into outputs of these shapes."""
    model = ModelBuilder()
    parts: list[TensorSpec] = [spec(out, dtype) for out in outs]
    model.op("UNPACK", [model.input(shape, dtype)], parts, num=len(outs), axis=axis)
    return model.build()


@pytest.mark.parametrize(
    ("shape", "begin", "size"),
    [
        ((4, 5), (1, 2), (2, 3)),
        ((4, 5), (1, 0), (2, -1)),
        ((4, 5), (0, 0), (-1, -1)),
        ((1, 6, 7, 3), (0, 2, 0, 0), (1, 3, 7, 3)),
        ((1, 6, 7, 3), (0, 2, 3, 1), (1, 3, 2, 2)),
        ((2, 2, 2, 2, 2), (1, 0, 1, 0, 1), (1, 2, 1, 2, 1)),
        ((3,), (2,), (1,)),
    ],
)
@pytest.mark.parametrize("dtype", ["int8", "int32"])
def test_slice_takes_a_window(shape: Shape, begin: Shape, size: Shape, dtype: str) -> None:
    assert_matches_oracle(sliced(shape, begin, size, dtype=dtype))


def test_slice_takes_bounds_of_64_bits() -> None:
    model = ModelBuilder()
    bounds = [model.constant(np.array(values, np.int64)) for values in ((1, 0), (2, -1))]
    model.op("SLICE", [model.input((4, 3)), *bounds], spec((2, 3)))
    assert_matches_oracle(model.build())


@pytest.mark.parametrize(
    ("shape", "axis", "count"),
    [
        ((6, 4), 0, 3),
        ((6, 4), 1, 2),
        ((6, 4), -1, 4),
        ((1, 6, 2), 1, 2),
        ((1, 6, 2), 0, 1),
        ((2, 3, 4, 2), 2, 2),
    ],
)
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_split_makes_equal_parts(shape: Shape, axis: int, count: int, dtype: str) -> None:
    real = axis % len(shape)
    part = (*shape[:real], shape[real] // count, *shape[real + 1 :])
    assert_matches_oracle(split(shape, axis, [part] * count, dtype))


@pytest.mark.parametrize(
    ("shape", "axis", "sizes"),
    [((9, 2), 0, [4, 5]), ((1, 9, 1, 8), 3, [3, 1, 4]), ((2, 9), -1, [1, 7, 1]), ((3, 2), 0, [3])],
)
def test_split_v_makes_parts_of_given_sizes(shape: Shape, axis: int, sizes: list[int]) -> None:
    assert_matches_oracle(split_v(shape, axis, sizes))


@pytest.mark.parametrize(
    ("shape", "axis"), [((3, 4), 0), ((3, 4), 1), ((2, 3, 4), -2), ((1, 2), 0), ((3,), 0)]
)
def test_unpack_takes_an_axis_apart(shape: Shape, axis: int) -> None:
    real = axis % len(shape)
    part = (*shape[:real], *shape[real + 1 :])
    assert_matches_oracle(unpacked(shape, axis, [part] * shape[real]))


def test_unpack_of_uint8_is_what_litert_makes_of_it() -> None:
    assert_matches_litert(unpacked((2, 3), 1, [(2,)] * 3, "uint8"))


def test_a_split_constant_stays_a_constant() -> None:
    model = ModelBuilder()
    x, rows = model.input((2, 3)), model.constant(np.arange(12, dtype=np.int8).reshape(4, 3))
    halves = model.op(
        "SPLIT", [model.constant(np.array(0, np.int32)), rows], [spec((2, 3)), spec((2, 3))], num_splits=2
    )
    model.op("CONCATENATION", [halves + 1, x], spec((4, 3)), axis=0)
    model.output(halves, halves + 2)
    assert_matches_oracle(model.build())


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.data())
def test_any_slice_matches(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=5)))
    begin = tuple(data.draw(st.integers(0, extent - 1)) for extent in shape)
    size = tuple(data.draw(st.integers(1, n - b)) for n, b in zip(shape, begin, strict=True))
    assert_matches_oracle(sliced(shape, begin, size))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.data())
def test_any_split_matches(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    before = tuple(data.draw(st.lists(st.integers(1, 3), max_size=2)))
    after = tuple(data.draw(st.lists(st.integers(1, 3), max_size=2)))
    assert_matches_oracle(split_v((*before, sum(sizes), *after), len(before), sizes))


# --------------------------------------------------------------------------------------- rules


@pytest.mark.parametrize(
    ("begin", "size"), [((3, 0), (2, 2)), ((-1, 0), (1, 2)), ((0, 0), (-2, 2)), ((0, 1), (2, 2))]
)
def test_a_slice_outside_is_refused(begin: Shape, size: Shape) -> None:
    assert_refused(sliced((4, 2), begin, size, out=(2, 2)), slicing.slice_is_inside)


def test_a_slice_of_another_shape_is_refused() -> None:
    assert_refused(sliced((4, 2), (0, 0), (2, 2), out=(2, 1)), slicing.slice_is_inside)


def test_bounds_for_other_axes_are_refused() -> None:
    assert_refused(sliced((4, 2), (0,), (2,), out=(2, 1)), slicing.slice_bounds_are_constant)


def test_computed_bounds_are_refused() -> None:
    model = ModelBuilder()
    inputs = [model.input((4,)), model.input((1,), "int32"), model.constant(np.array([2], np.int32))]
    model.op("SLICE", inputs, spec((2,)))
    assert_refused(model.build(), slicing.slice_bounds_are_constant)


@pytest.mark.parametrize("axis", [2, -3, [0, 1]])
def test_splitting_along_a_missing_axis_is_refused(axis: Any) -> None:
    assert_refused(split((4, 2), axis, [(2, 2), (2, 2)]), slicing.split_axis_is_constant)


@pytest.mark.parametrize("outs", [[(2, 2), (1, 2)], [(2, 2), (2, 1)], [(4,), (4,)]])
def test_parts_that_do_not_fill_the_input_are_refused(outs: list[Shape]) -> None:
    assert_refused(split((4, 2), 0, outs), slicing.parts_fill_the_input)


def test_unequal_parts_of_a_split_are_refused() -> None:
    assert_refused(split((4, 2), 0, [(3, 2), (1, 2)]), slicing.parts_are_equal)


def test_parts_of_another_type_are_refused() -> None:
    model = ModelBuilder()
    parts = [spec((2,)), spec((2,), "uint8")]
    model.op("SPLIT", [model.constant(np.array(0, np.int32)), model.input((4,))], parts, num_splits=2)
    assert_refused(model.build(), slicing.split_types_agree)


@pytest.mark.parametrize(("axis", "count"), [(2, 3), (-3, 3), (0, 2), (1, 2)])
def test_unpacking_a_missing_axis_is_refused(axis: int, count: int) -> None:
    assert_refused(unpacked((3, 3), axis, [(3,)] * count), slicing.unpacked_axis_exists)


def test_unpacking_to_another_shape_is_refused() -> None:
    assert_refused(unpacked((2, 3), 0, [(3,), (1, 3)]), slicing.unpacked_shapes_agree)

"""STRIDED_SLICE."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.lower.operators import strided_slice
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import assert_matches_litert, assert_matches_oracle, assert_refused

# What the oracle lacks, and why LiteRT's reference kernels stand in.
LITERT_REFERENCED = {
    "STRIDED_SLICE with an ellipsis or new axes": "TFLite Micro ignores both masks.",
    "STRIDED_SLICE with fewer entries than axes": "TFLite Micro reads past the end of its entries.",
}

Shape = tuple[int, ...]


def sliced(
    shape: Shape,
    begin: Any,
    end: Any,
    strides: Any,
    out: Shape,
    masks: dict[str, Any] | None = None,
    dtype: str = "int8",
) -> bytes:
    """STRIDED_SLICE; `masks` are options by name."""
    model = ModelBuilder()
    bounds = [model.constant(np.array(values, np.int32)) for values in (begin, end, strides)]
    options: dict[str, Any] = {
        f"{name}_mask": 0 for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    options |= masks or {}
    model.op("STRIDED_SLICE", [model.input(shape, dtype), *bounds], spec(out, dtype), **options)
    return model.build()


@pytest.mark.parametrize(
    ("shape", "begin", "end", "strides", "out"),
    [
        ((5, 6), (1, 2), (4, 5), (1, 1), (3, 3)),
        ((5, 6), (0, 0), (5, 6), (2, 3), (3, 2)),
        ((5, 6), (0, 1), (5, 6), (3, 2), (2, 3)),
        ((5, 6), (-2, -3), (5, -1), (1, 1), (2, 2)),
        ((5, 6), (-100, 0), (100, 100), (1, 1), (5, 6)),
        ((5, 6), (4, 5), (0, 0), (-1, -1), (4, 5)),
        ((5, 6), (4, 5), (-100, -100), (-2, -1), (3, 6)),
        ((5, 6), (1, 5), (-100, 0), (-1, -3), (2, 2)),
        ((1, 9, 1, 8), (0, 1, 0, 0), (1, 9, 1, 8), (1, 1, 1, 1), (1, 8, 1, 8)),
        ((1, 9, 4, 8), (0, 2, 1, 0), (1, 9, 3, 8), (1, 2, 1, 1), (1, 4, 2, 8)),
        ((2, 4, 4, 3), (1, 0, 0, 2), (2, 4, 4, 3), (1, 1, 1, 1), (1, 4, 4, 1)),
        ((7,), (6,), (-8,), (-1,), (7,)),
        ((7,), (-(1 << 31),), ((1 << 31) - 1,), (3,), (3,)),
    ],
)
@pytest.mark.parametrize("dtype", ["int8", "int32"])
def test_a_slice_with_steps(
    shape: Shape, begin: Shape, end: Shape, strides: Shape, out: Shape, dtype: str
) -> None:
    assert_matches_oracle(sliced(shape, begin, end, strides, out, dtype=dtype))


@pytest.mark.parametrize(
    ("begin", "end", "strides", "out", "masks"),
    [
        ((3, 3), (4, 5), (1, 1), (4, 2), {"begin_mask": 1}),
        ((3, 3), (4, 5), (1, 1), (1, 3), {"end_mask": 2}),
        ((3, 3), (4, 5), (1, 1), (5, 6), {"begin_mask": 3, "end_mask": 3}),
        ((3, 3), (4, 5), (-1, -1), (5, 6), {"begin_mask": 3, "end_mask": 3}),
        ((3, 3), (1, 1), (-1, -1), (3, 2), {"begin_mask": 1}),
        ((3, 3), (4, 5), (1, 1), (2,), {"shrink_axis_mask": 1}),
        ((-1, -2), (0, 0), (1, 1), (), {"shrink_axis_mask": 3}),
        ((3, 3), (1, 1), (1, 1), (6,), {"shrink_axis_mask": 1, "begin_mask": 3, "end_mask": 3}),
        ((0, 0), (5, 6), (2, 2), (3, 3), {"begin_mask": 255, "end_mask": 255}),
    ],
)
def test_masks_of_a_slice(
    begin: Shape, end: Shape, strides: Shape, out: Shape, masks: dict[str, int]
) -> None:
    assert_matches_oracle(sliced((5, 6), begin, end, strides, out, masks))


@pytest.mark.parametrize(
    ("begin", "end", "strides", "out", "masks"),
    [
        ((0, 1), (0, 3), (1, 1), (3, 4, 2), {"ellipsis_mask": 1}),
        ((1, 0), (2, 0), (1, 1), (1, 4, 5), {"ellipsis_mask": 2}),
        ((1, 0, 2), (2, 0, 4), (1, 1, 1), (4, 2), {"ellipsis_mask": 2, "shrink_axis_mask": 1}),
        ((0, 0, 0, 0), (3, 9, 4, 5), (1, 1, 1, 1), (3, 1, 4, 5), {"new_axis_mask": 2}),
        ((0, 0), (0, 0), (1, 1), (1, 3, 4, 5), {"new_axis_mask": 1, "ellipsis_mask": 2}),
        ((0, 0), (0, 0), (1, 1), (3, 4, 5, 1), {"new_axis_mask": 2, "ellipsis_mask": 1}),
        ((1,), (3,), (1,), (2, 4, 5), {}),
    ],
)
def test_an_ellipsis_and_new_axes_mean_what_they_mean_to_litert(
    begin: Shape, end: Shape, strides: Shape, out: Shape, masks: dict[str, int]
) -> None:
    assert_matches_litert(sliced((3, 4, 5), begin, end, strides, out, masks))


def check_any_slice(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 7), min_size=1, max_size=4)))
    index = st.integers(-9, 9)
    begin, end = (tuple(data.draw(index) for _ in shape) for _ in range(2))
    strides = tuple(data.draw(st.sampled_from([-3, -2, -1, 1, 2, 3])) for _ in shape)
    begin_mask, end_mask = (data.draw(st.integers(0, 15)) for _ in range(2))
    slices = tuple(
        slice(None if begin_mask >> i & 1 else b, None if end_mask >> i & 1 else e, s)
        for i, (b, e, s) in enumerate(zip(begin, end, strides, strict=True))
    )
    out = np.empty(shape)[slices].shape
    if 0 not in out:  # an empty tensor is refused
        assert_matches_oracle(
            sliced(shape, begin, end, strides, out, {"begin_mask": begin_mask, "end_mask": end_mask})
        )


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.data())
def test_any_slice_is_pythons(data: st.DataObject) -> None:
    check_any_slice(data)


@pytest.mark.full
@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_many_slices_are_pythons(data: st.DataObject) -> None:
    check_any_slice(data)


# --------------------------------------------------------------------------------------- rules


def test_computed_bounds_are_refused() -> None:
    model = ModelBuilder()
    x, begin = model.input((4,)), model.input((1,), "int32")
    one = model.constant(np.array([1], np.int32))
    model.op("STRIDED_SLICE", [x, begin, one, one], spec((1,)))
    assert_refused(model.build(), strided_slice.bounds_are_constant)


def test_bounds_of_different_lengths_are_refused() -> None:
    assert_refused(sliced((4, 4), (0, 0), (1,), (1, 1), (1, 4)), strided_slice.bounds_are_constant)


def test_an_offset_for_an_end_is_refused() -> None:
    assert_refused(sliced((4,), (1,), (2,), (1,), (2,), {"offset": True}), strided_slice.end_is_no_offset)


def test_two_ellipses_are_refused() -> None:
    assert_refused(
        sliced((4,), (0, 0), (1, 1), (1, 1), (4,), {"ellipsis_mask": 3}), strided_slice.has_one_ellipsis
    )


def test_more_entries_than_axes_are_refused() -> None:
    assert_refused(sliced((4,), (0, 0), (1, 1), (1, 1), (1,)), strided_slice.entries_fit_the_axes)


@pytest.mark.parametrize(("stride", "masks"), [(0, {}), (-1, {"shrink_axis_mask": 1})])
def test_a_stride_that_goes_nowhere_is_refused(stride: int, masks: dict[str, int]) -> None:
    out = () if masks else (1,)
    assert_refused(sliced((4,), (0,), (1,), (stride,), out, masks), strided_slice.strides_step)


@pytest.mark.parametrize("index", [4, 100])
def test_an_index_outside_is_refused(index: int) -> None:
    assert_refused(
        sliced((4,), (index,), (0,), (1,), (), {"shrink_axis_mask": 1}), strided_slice.shrunk_index_exists
    )


def test_another_shape_is_refused() -> None:
    assert_refused(sliced((4,), (1,), (3,), (1,), (3,)), strided_slice.output_shape_follows)

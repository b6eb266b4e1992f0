"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.lower.operators import resize
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import assert_matches_oracle, assert_refused

NEAREST, BILINEAR = "RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"
# (align_corners, half_pixel_centers)
PLACEMENTS = [(False, False), (True, False), (False, True)]

Shape = tuple[int, ...]
Size = tuple[int, int]


def resized(
    kind: str, shape: Shape, size: Size, align: bool = False, half: bool = False, out: Shape | None = None
) -> bytes:
    """One resize; the output's shape follows unless it is given."""
    model = ModelBuilder()
    inputs = [model.input(shape, scale=0.5, zero_point=3), model.constant(np.array(size, np.int32))]
    out = out or (shape[0], *size, shape[-1])
    placement: dict[str, Any] = {"align_corners": align, "half_pixel_centers": half}
    model.op(kind, inputs, spec(out, scale=0.5, zero_point=3), **placement)
    return model.build()


_SIZES: list[tuple[Shape, Size]] = [
    ((1, 4, 5, 3), (8, 10)),
    ((1, 4, 5, 3), (12, 5)),
    ((2, 4, 5, 3), (7, 9)),
    ((1, 8, 9, 2), (3, 4)),
    ((1, 8, 9, 2), (4, 3)),
    ((1, 4, 5, 3), (4, 5)),
    ((1, 4, 5, 3), (1, 1)),
    ((1, 1, 1, 4), (3, 5)),
    ((1, 1, 7, 1), (2, 13)),
    ((1, 16, 16, 32), (32, 32)),
    ((1, 3, 3, 1), (33, 50)),
]


@pytest.mark.parametrize("kind", [NEAREST, BILINEAR])
@pytest.mark.parametrize(("shape", "size"), _SIZES)
@pytest.mark.parametrize(("align", "half"), PLACEMENTS)
def test_resizing_matches(kind: str, shape: Shape, size: Size, align: bool, half: bool) -> None:
    assert_matches_oracle(resized(kind, shape, size, align, half))


@pytest.mark.parametrize(("shape", "size"), _SIZES[:4])
def test_nearest_with_both_placements(shape: Shape, size: Size) -> None:
    assert_matches_oracle(resized(NEAREST, shape, size, align=True, half=True))


@pytest.mark.parametrize("dtype", ["int16"])
def test_nearest_of_other_types(dtype: str) -> None:
    model = ModelBuilder()
    inputs = [model.input((1, 3, 4, 2), dtype, scale=0.5), model.constant(np.array((5, 7), np.int32))]
    model.op(
        NEAREST, inputs, spec((1, 5, 7, 2), dtype, scale=0.5), align_corners=False, half_pixel_centers=True
    )
    assert_matches_oracle(model.build())


@pytest.mark.parametrize(("align", "half"), PLACEMENTS)
def test_bilinear_rounds_extremes_half_away_from_zero(align: bool, half: bool) -> None:
    checkers = np.where(np.indices((8, 8)).sum(axis=0) % 2, 127, -128).astype(np.int8).reshape(1, 8, 8, 1)
    halves = np.where(np.indices((8, 8)).sum(axis=0) % 2, 1, 0).astype(np.int8).reshape(1, 8, 8, 1)
    frames = [(frame,) for frame in (checkers, halves, -halves, np.negative(halves) * 3)]
    assert_matches_oracle(resized(BILINEAR, (1, 8, 8, 1), (16, 16), align, half), frames)


_LENGTH = st.integers(1, 20)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.sampled_from([NEAREST, BILINEAR]),
    st.tuples(_LENGTH, _LENGTH),
    st.tuples(_LENGTH, _LENGTH),
    st.integers(1, 3),
    st.sampled_from(PLACEMENTS),
)
def test_any_resize_matches(
    kind: str, before: Size, after: Size, channels: int, placement: tuple[bool, bool]
) -> None:
    assert_matches_oracle(resized(kind, (1, *before, channels), after, *placement))


@pytest.mark.full
@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from([NEAREST, BILINEAR]),
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.sampled_from(PLACEMENTS),
)
def test_many_resizes_match(kind: str, before: Size, after: Size, placement: tuple[bool, bool]) -> None:
    assert_matches_oracle(resized(kind, (1, *before, 2), after, *placement))


# --------------------------------------------------------------------------------------- rules


def test_a_computed_size_is_refused() -> None:
    model = ModelBuilder()
    inputs = [model.input((1, 2, 2, 1), scale=0.5), model.input((2,), "int32")]
    model.op(NEAREST, inputs, spec((1, 4, 4, 1), scale=0.5), align_corners=False, half_pixel_centers=False)
    assert_refused(model.build(), resize.size_is_constant)


@pytest.mark.parametrize("size", [(4, 5), (4,), (4, 4, 4)])
def test_a_size_other_than_the_outputs_is_refused(size: Any) -> None:
    assert_refused(resized(NEAREST, (1, 2, 2, 1), size, out=(1, 4, 4, 1)), resize.size_is_constant)


@pytest.mark.parametrize("out", [(2, 4, 4, 1), (1, 4, 4, 2)])
def test_another_batch_or_depth_is_refused(out: Shape) -> None:
    assert_refused(resized(BILINEAR, (1, 2, 2, 1), (4, 4), out=out), resize.batch_and_channels_stay)


def test_two_placements_of_bilinear_are_refused() -> None:
    model = resized(BILINEAR, (1, 2, 2, 1), (4, 4), align=True, half=True)
    assert_refused(model, resize.has_one_way_to_place_pixels)


def test_an_axis_that_is_too_long_is_refused() -> None:
    assert_refused(resized(NEAREST, (1, 1 << 20, 1, 1), (1, 1)), resize.sizes_fit_fixed_point)


def test_a_step_that_runs_past_the_edge_is_refused() -> None:
    assert_refused(resized(BILINEAR, (1, 3, 1, 1), (2000, 1)), resize.positions_stay_inside)

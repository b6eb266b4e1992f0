"""MEAN, SUM, REDUCE_MAX and REDUCE_MIN against the reference."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.lower.operators import reductions
from edgekit.lower.rules import input_is_int8
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import assert_matches_oracle, assert_refused

KINDS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reduction:
    """A reduction; REDUCE_MAX and REDUCE_MIN keep the input's scale."""

    kind: str = "MEAN"
    shape: tuple[int, ...] = (1, 7, 5, 3)
    axes: tuple[int, ...] = (1, 2)
    keep_dims: bool = False
    input_scale: float = 0.1
    input_zero_point: int = 3
    output_scale: float = 0.07
    output_zero_point: int = -5

    def output_shape(self) -> tuple[int, ...]:
        """The shape that follows from the axes."""
        reduced = {axis % len(self.shape) for axis in self.axes}
        if self.keep_dims:
            return tuple(1 if axis in reduced else size for axis, size in enumerate(self.shape))
        return tuple(size for axis, size in enumerate(self.shape) if axis not in reduced)

    def add_to(self, model: ModelBuilder) -> None:
        """Add the operator, with an input of its own."""
        x = model.input(self.shape, scale=self.input_scale, zero_point=self.input_zero_point)
        quantization = (self.output_scale, self.output_zero_point)
        if self.kind in ("REDUCE_MAX", "REDUCE_MIN"):
            quantization = (self.input_scale, self.input_zero_point)
        output = spec(self.output_shape(), "int8", *quantization)
        model.op(
            self.kind, [x, model.constant(np.array(self.axes, np.int32))], output, keep_dims=self.keep_dims
        )

    def build(self) -> bytes:
        """A model of this operator."""
        model = ModelBuilder()
        self.add_to(model)
        return model.build()


def assert_reductions_match(*cases: Reduction) -> None:
    """Compare reductions side by side in one model: output i is that of case i."""
    model = ModelBuilder()
    for case in cases:
        case.add_to(model)
    assert_matches_oracle(model.build())


_GEOMETRY: tuple[dict[str, Any], ...] = (
    {"axes": (1, 2)},
    {"shape": (1, 8, 8, 16), "axes": (2, 1)},
    {"shape": (2, 7, 5, 3), "axes": (3,)},
    {"shape": (2, 3, 4, 5), "axes": (0, 2)},
    {"shape": (2, 3, 4, 5), "axes": (-1, -1, 0)},
    {"shape": (6,), "axes": (0,)},
    {"shape": (2, 3, 4, 5), "axes": (0, 1, 2, 3)},
    {"shape": (1, 1, 1, 9), "axes": (1, 2)},
    {"shape": (2, 2, 3, 2, 3), "axes": (1, -2)},
    {"shape": (300, 4), "axes": (0,)},
    {"shape": (1, 5000), "axes": (1,)},
)


@pytest.mark.parametrize("keep_dims", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_geometry(kind: str, keep_dims: bool) -> None:
    assert_reductions_match(*(Reduction(kind=kind, keep_dims=keep_dims, **case) for case in _GEOMETRY))


@pytest.mark.parametrize("kind", ["MEAN", "SUM"])
def test_zero_points_at_both_ends(kind: str) -> None:
    ends = ((-128, 127), (127, -128), (-128, -128), (127, 127))
    assert_reductions_match(*(Reduction(kind=kind, input_zero_point=a, output_zero_point=b) for a, b in ends))


@pytest.mark.parametrize("kind", ["MEAN", "SUM"])
def test_scales_from_nothing_to_left_shifts(kind: str) -> None:
    ratios = (1e-12, 2.0**-31, 2.0**-20, 0.5, 1.0, 0.999, 3.0, 64.0, 2.0**20, 2.0**29)
    assert_reductions_match(
        *(Reduction(kind=kind, input_scale=ratio, output_scale=1.0, shape=(1, 3, 5, 4)) for ratio in ratios)
    )


@pytest.mark.parametrize("count", [1, 2, 3, 31, 32, 33, 255, 256, 1023, 40_000])
def test_means_of_many_and_of_few(count: int) -> None:
    assert_reductions_match(
        Reduction(shape=(count, 5), axes=(0,), output_scale=0.1, output_zero_point=3),
        Reduction(shape=(3, count), axes=(1,), output_scale=0.001),
    )


@st.composite
def any_reduction(draw: st.DrawFn) -> Reduction:
    """Any reduction of a small tensor."""
    shape = tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=5)))
    axis = st.integers(-len(shape), len(shape) - 1)
    return Reduction(
        kind=draw(st.sampled_from(KINDS)),
        shape=shape,
        axes=tuple(draw(st.lists(axis, min_size=1, max_size=4))),
        keep_dims=draw(st.booleans()),
        input_scale=draw(st.floats(1e-4, 10.0)),
        input_zero_point=draw(st.integers(-128, 127)),
        output_scale=draw(st.floats(1e-4, 10.0)),
        output_zero_point=draw(st.integers(-128, 127)),
    )


@settings(max_examples=12, deadline=None, derandomize=True)
@given(any_reduction())
def test_any_reduction(case: Reduction) -> None:
    assert_matches_oracle(case.build())


@pytest.mark.full
@settings(max_examples=400, deadline=None)
@given(any_reduction())
def test_many_reductions(case: Reduction) -> None:
    assert_matches_oracle(case.build())


# --------------------------------------------------------------------------------- refusals


def _model(
    *,
    kind: str = "MEAN",
    axes: Any = (1,),
    axes_dtype: str = "int32",
    computed_axes: bool = False,
    dtype: str = "int8",
    output: tuple[int, ...] = (2, 4),
    output_scale: float = 0.1,
) -> bytes:
    model = ModelBuilder()
    x = model.input((2, 3, 4), dtype, 0.1)
    places = model.input((1,), "int32") if computed_axes else model.constant(np.array(axes, axes_dtype))
    model.op(kind, [x, places], spec(output, dtype, output_scale), keep_dims=False)
    return model.build()


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_that_are_not_int8_are_refused(kind: str) -> None:
    assert_refused(_model(kind=kind, dtype="int16"), input_is_int8)


@pytest.mark.parametrize("kind", KINDS)
def test_axes_that_are_computed_or_outside_are_refused(kind: str) -> None:
    assert_refused(_model(kind=kind, computed_axes=True), reductions.axes_are_constant)
    assert_refused(_model(kind=kind, axes=(3,)), reductions.axes_are_constant)
    assert_refused(_model(kind=kind, axes=(-4,)), reductions.axes_are_constant)
    assert_refused(_model(kind=kind, axes_dtype="int64"), reductions.axes_are_constant)


@pytest.mark.parametrize("kind", KINDS)
def test_an_output_of_another_shape_is_refused(kind: str) -> None:
    assert_refused(_model(kind=kind, output=(2, 3)), reductions.one_output_for_each_kept_place)
    assert_refused(_model(kind=kind, output=(4, 2)), reductions.one_output_for_each_kept_place)


@pytest.mark.parametrize("kind", ["REDUCE_MAX", "REDUCE_MIN"])
def test_an_extreme_of_another_scale_is_refused(kind: str) -> None:
    assert_refused(_model(kind=kind, output_scale=0.2), reductions.input_and_output_have_one_scale)


@pytest.mark.parametrize("kind", ["MEAN", "SUM"])
def test_enormous_factors_are_refused(kind: str) -> None:
    assert_refused(_model(kind=kind, output_scale=1e-12), reductions.scales_are_in_proportion)

"""RELU, RELU6, LEAKY_RELU, HARD_SWISH, LOGISTIC and TANH against the reference, on all 256 inputs."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgekit.lower.operators.activations import (
    hard_swish_is_scalable,
    input_scale_is_moderate,
    output_is_of_a_logistic,
    output_is_of_a_tanh,
    rescale_is_possible,
    six_is_representable,
    slope_is_usable,
)
from edgekit.lower.rules import has_as_many_elements, input_is_int8, output_is_int8
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import assert_matches_oracle, assert_refused, every_int8, unary

_KINDS = ("RELU", "RELU6", "LEAKY_RELU", "HARD_SWISH", "LOGISTIC", "TANH")
_FIXED_OUTPUTS = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}
_ZERO_POINTS = list(itertools.product((-128, 0, 127), (-128, 3, 127)))


def _options(kind: str, alpha: float = 0.2) -> dict[str, Any]:
    return {"alpha": alpha} if kind == "LEAKY_RELU" else {}


def _model(
    kind: str,
    cases: list[tuple[float, int, float, int]],
    shape: tuple[int, ...] = (1, 256),
    **options: Any,
) -> bytes:
    """One model of an operator for every (scale, zero point, output scale, output zero point)."""
    model = ModelBuilder()
    for scale, zero_point, out_scale, out_zero_point in cases:
        out = _FIXED_OUTPUTS.get(kind, (out_scale, out_zero_point))
        x = model.input(shape, "int8", scale, zero_point)
        model.op(kind, [x], spec(shape, "int8", *out), **options)
    return model.build()


def _assert_all(kind: str, cases: list[tuple[float, int, float, int]], **options: Any) -> None:
    assert_matches_oracle(_model(kind, cases, **options), [(every_int8(),) * len(cases)])


@pytest.mark.parametrize("kind", _KINDS)
def test_all_inputs_at_ordinary_scales_and_extreme_zero_points(kind: str) -> None:
    for scale, out_scale in ((0.05, 0.04), (0.02, 0.0235)):
        cases = [(scale, a, out_scale, b) for a, b in _ZERO_POINTS]
        _assert_all(kind, cases, **_options(kind))


@pytest.mark.parametrize("kind", ["RELU", "LEAKY_RELU"])
def test_scales_far_apart_shift_to_the_extremes(kind: str) -> None:
    ratios = (2.0**-40, 2.0**-31, 2.0**-9, 0.5, 1.0, 2.0, 127.3, 2.0**20, 2.0**29.9)
    _assert_all(kind, [(ratio * 0.01, 5, 0.01, -7) for ratio in ratios], **_options(kind))


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.5, 1e-12, 30.0, -700.0, 0.01])
def test_any_slope_below_zero(alpha: float) -> None:
    _assert_all("LEAKY_RELU", [(0.1, -3, 0.07, 11), (0.02, 100, 0.5, -128)], alpha=alpha)


def test_six_within_and_beyond_the_range() -> None:
    scales = (1e-8, 0.001, 0.0235, 0.047, 0.3, 6.0, 11.9, 12.1, 1e10)
    _assert_all("RELU6", [(scale, zero, scale, zero) for scale in scales for zero in (-128, 0, 127)])


def test_six_is_in_the_scale_of_the_input_whatever_that_of_the_output() -> None:
    _assert_all("RELU6", [(0.05, -3, 0.02, 4)])


@pytest.mark.parametrize("scale", [1e-6, 0.002, 0.0234, 0.03, 0.1, 1.0, 40.0, 1e5])
def test_hard_swish_from_linear_to_saturated(scale: float) -> None:
    _assert_all("HARD_SWISH", [(scale, 4, scale * ratio, -9) for ratio in (0.008, 0.3, 1.0, 9.0, 1e3)])


def test_hard_swish_keeps_ratios_of_scales_in_double() -> None:
    """Pairs of scales whose ratios, rounded to float32, would give other outputs."""
    scales = [(0.057144779711961746, 0.03420690447092056), (0.03365764394402504, 0.038643110543489456)]
    _assert_all("HARD_SWISH", [(scale, 3, out_scale, -5) for scale, out_scale in scales])


def test_hard_swish_to_outputs_so_coarse_that_16_bits_are_shifted_out() -> None:
    _assert_all("HARD_SWISH", [(0.1, 4, 0.1 * 2.0**power, 0) for power in (6, 7, 8, 9, 10, 15, 22, 24, 30)])


@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH"])
def test_curves_from_flat_to_a_step(kind: str) -> None:
    scales = (2.0**-27, 1e-6, 0.003, 0.0625, 0.117, 0.125, 0.5, 1.0, 7.9, 8.0, 16.0, 1e6, 2.0**29)
    _assert_all(kind, [(scale, zero, 0, 0) for scale in scales for zero in (-128, 7)])


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (1, 4, 4, 3), (2, 1, 3, 2, 5)])
def test_shapes(kind: str, shape: tuple[int, ...]) -> None:
    assert_matches_oracle(_model(kind, [(0.05, 1, 0.05, -2)], shape, **_options(kind)), seed_of(shape))


def seed_of(shape: tuple[int, ...]) -> int:
    """A seed of its own for a shape."""
    return sum(shape)


@given(
    kind=st.sampled_from(_KINDS),
    scale=st.floats(2.0**-14, 2.0**6, width=32),
    out_scale=st.floats(2.0**-10, 2.0**6, width=32),
    zero_points=st.tuples(st.integers(-128, 127), st.integers(-128, 127)),
    alpha=st.floats(-2, 2, width=32),
)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_any_parameters_agree_with_the_reference(
    kind: str, scale: float, out_scale: float, zero_points: tuple[int, int], alpha: float
) -> None:
    assume(kind != "HARD_SWISH" or scale < 127 * out_scale)
    _assert_all(kind, [(scale, zero_points[0], out_scale, zero_points[1])], **_options(kind, alpha))


@pytest.mark.full
@given(
    kind=st.sampled_from(_KINDS),
    scale=st.floats(2.0**-20, 2.0**12, width=32),
    out_scale=st.floats(2.0**-12, 2.0**12, width=32),
    zero_points=st.tuples(st.integers(-128, 127), st.integers(-128, 127)),
    alpha=st.floats(-100, 100, width=32),
)
@settings(max_examples=1000, deadline=None)
def test_very_many_parameters_agree_with_the_reference(
    kind: str, scale: float, out_scale: float, zero_points: tuple[int, int], alpha: float
) -> None:
    assume(kind != "HARD_SWISH" or scale < 127 * out_scale)
    _assert_all(kind, [(scale, zero_points[0], out_scale, zero_points[1])], **_options(kind, alpha))


# ------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize("kind", _KINDS)
def test_other_types_and_sizes_are_refused(kind: str) -> None:
    int8, int16 = spec((1, 4), "int8", 1 / 128), spec((1, 4), "int16", 1 / 128)
    options = _options(kind)
    assert_refused(unary(kind, (1, 4), scale=0.1, dtype="int16", output=int16, **options), input_is_int8)
    assert_refused(unary(kind, (1, 4), scale=0.1, output=int16, **options), output_is_int8)
    assert_refused(unary(kind, (1, 5), scale=0.1, output=int8, **options), has_as_many_elements)


@pytest.mark.parametrize(
    ("kind", "scale", "out_scale", "rule"),
    [
        ("RELU", 1e20, 1e-20, rescale_is_possible),
        ("RELU", 2.0**30, 1.0, rescale_is_possible),
        ("LEAKY_RELU", 2.0**30, 1.0, rescale_is_possible),
        ("RELU6", 1e-9, 1e-9, six_is_representable),
        ("RELU6", 1e-45, 1.0, six_is_representable),
        ("HARD_SWISH", 128.0, 1.0, hard_swish_is_scalable),
        ("HARD_SWISH", 1e38, 1e-45, hard_swish_is_scalable),
        ("HARD_SWISH", 2.0**20, 2.0**20, hard_swish_is_scalable),
        ("LOGISTIC", 2.0**-28, 0, input_scale_is_moderate),
        ("TANH", 2.0**30, 0, input_scale_is_moderate),
    ],
)
def test_scales_that_the_arithmetic_cannot_hold_are_refused(
    kind: str, scale: float, out_scale: float, rule: Any
) -> None:
    assert_refused(_model(kind, [(scale, 0, out_scale, 0)], **_options(kind)), rule)


@pytest.mark.parametrize("alpha", [float("nan"), float("inf"), 2.0**31])
def test_a_slope_that_is_no_number_or_too_steep_is_refused(alpha: float) -> None:
    assert_refused(_model("LEAKY_RELU", [(1.0, 0, 1.0, 0)], alpha=alpha), slope_is_usable)


@pytest.mark.parametrize(
    ("kind", "rule"), [("LOGISTIC", output_is_of_a_logistic), ("TANH", output_is_of_a_tanh)]
)
def test_outputs_of_curves_have_one_scale_and_zero_point(kind: str, rule: Any) -> None:
    for scale, zero_point in ((1 / 256, 1), (0.01, 0)):
        out = spec((1, 4), "int8", scale, zero_point)
        assert_refused(unary(kind, (1, 4), scale=0.1, output=out), rule)


def test_every_int8_is_every_int8() -> None:
    assert np.unique(every_int8()).size == 256


@pytest.mark.parametrize(
    ("kind", "scales", "options"),
    [
        # An input whose output is so near the middle of two integers that the rounding would show,
        ("RELU", (0.034643106, 0.046827924), {}),
        ("LEAKY_RELU", (0.034643106, 0.046827924), {"alpha": 0.5}),
        # and a product for which float32 has few bits left.
        ("LEAKY_RELU", (1e-38, 3.83e-43), {"alpha": 3.8e-5}),
    ],
)
def test_ratios_are_not_rounded_to_float32(
    kind: str, scales: tuple[float, float], options: dict[str, Any]
) -> None:
    assert_matches_oracle(unary(kind, scale=scales[0], output=spec((1, 256), scale=scales[1]), **options))

"""QUANTIZE and DEQUANTIZE against the reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.lower.operators.quantize import (
    dequantizes_8_bits,
    quantizes_between_known_types,
    scales_are_comparable,
)
from edgekit.lower.rules import has_as_many_elements
from edgekit.testing.int8 import assert_same_bits
from edgekit.testing.native import run_native
from edgekit.testing.tflite_builder import spec
from tests.unit.operators.harness import (
    assert_matches_litert,
    assert_matches_oracle,
    assert_refused,
    every_int8,
    unary,
)

LITERT_REFERENCED = {
    "QUANTIZE float32 to uint8": "TFLite Micro quantizes floats to int8 and int16 only.",
}

_ZERO_POINTS = (-128, -1, 0, 5, 127)


def _ties_and_neighbours(scale: float, steps: int = 300) -> np.ndarray:
    """Reals on, just below and just above every half step, as a row of float32."""
    halves = (np.arange(-steps, steps + 1) * np.float32(0.5) * np.float32(scale)).astype(np.float32)
    lower, upper = np.nextafter(halves, np.float32(-np.inf)), np.nextafter(halves, np.float32(np.inf))
    return np.concatenate([halves, lower, upper]).astype(np.float32)[None]


def _float_model(values: np.ndarray, scale: float, zero_point: int, dtype: str = "int8") -> bytes:
    out = spec(values.shape, dtype, scale, zero_point)
    return unary("QUANTIZE", values.shape, dtype="float32", scale=0, output=out)


@pytest.mark.parametrize("zero_point", _ZERO_POINTS)
@pytest.mark.parametrize("scale", [1.0, 0.1, 0.003921569, 2.0**-20, 1e-30, 3e30])
def test_floats_on_and_around_ties_round_as_the_reference_does(scale: float, zero_point: int) -> None:
    values = _ties_and_neighbours(scale)
    assert_matches_oracle(_float_model(values, scale, zero_point), [(values,)])


@pytest.mark.parametrize("zero_point", [0, 128, 255])
def test_floats_quantize_to_uint8(zero_point: int) -> None:
    values = _ties_and_neighbours(0.05)
    assert_matches_litert(_float_model(values, 0.05, zero_point, "uint8"), [(values,)])


def test_small_signed_zero_and_subnormal_floats_give_the_zero_point() -> None:
    values = np.array([[0.0, -0.0, 1e-45, -1e-45, 1e-38, -1e-38]], np.float32)
    assert_matches_oracle(_float_model(values, 0.5, 7), [(values,)])


def test_floats_far_outside_the_range_saturate() -> None:
    values = np.array([[1e3, -1e3, 1e8, -1e8, 2e9, -2e9]], np.float32)
    assert_matches_oracle(_float_model(values, 1.0, 3), [(values,)])


@pytest.mark.parametrize("zero_point", _ZERO_POINTS)
def test_floats_that_no_int32_can_hold_saturate_and_a_nan_is_zero(zero_point: int) -> None:
    # C leaves these undefined (the reference differs between x86 and ARM), so they have an answer of our own.
    values = np.array([[3e38, -3e38, np.inf, -np.inf, 1e10, -1e10, np.nan, -np.nan]], np.float32)
    ((result,),) = run_native(_float_model(values, 0.5, zero_point), [(values,)])
    expected = np.array([[127, -128, 127, -128, 127, -128, zero_point, zero_point]], np.int8)
    assert_same_bits(result, expected)


@pytest.mark.parametrize(("source", "target"), [("int8", "int8"), ("int8", "uint8"), ("uint8", "int8")])
@pytest.mark.parametrize(
    ("scale", "out_scale"),
    [(0.1, 0.1), (0.1, 0.07), (0.1, 3.0), (0.02, 1e-4), (1e-12, 1.0), (1e-3, 1e-11), (1.0, 2.0), (0.5, 1e-9)],
)
def test_integers_are_rescaled(source: str, target: str, scale: float, out_scale: float) -> None:
    values = every_int8() if source == "int8" else every_int8().view(np.uint8)
    for zero_point, out_zero_point in ((-128, 0), (127, -128), (0, 127), (3, 3)):
        shifted_in = zero_point + (128 if source == "uint8" else 0)
        shifted_out = out_zero_point + (128 if target == "uint8" else 0)
        model = unary(
            "QUANTIZE",
            scale=scale,
            zero_point=shifted_in,
            dtype=source,
            output=spec((1, 256), target, out_scale, shifted_out),
        )
        assert_matches_oracle(model, [(values,)])


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("scale", [1.0, 0.1, 1e-20, 1e-44, 3e38])
def test_integers_become_floats(dtype: str, scale: float) -> None:
    values = every_int8() if dtype == "int8" else every_int8().view(np.uint8)
    for zero_point in (-128, 0, 127) if dtype == "int8" else (0, 128, 255):
        model = unary(
            "DEQUANTIZE", scale=scale, zero_point=zero_point, dtype=dtype, output=spec((1, 256), "float32")
        )
        assert_matches_oracle(model, [(values,)])


@given(
    scale=st.floats(2.0**-60, 2.0**60, width=32),
    zero_point=st.integers(-128, 127),
    steps=st.lists(st.floats(-400, 400, width=32), min_size=1, max_size=64),
)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_any_float_quantizes_as_the_reference_does(scale: float, zero_point: int, steps: list[float]) -> None:
    values = (np.array([steps]) * scale).astype(np.float32)
    assert_matches_oracle(_float_model(values, scale, zero_point), [(values,)])


@given(
    scale=st.floats(2.0**-20, 2.0**20, width=32),
    out_scale=st.floats(2.0**-20, 2.0**20, width=32),
    zero_points=st.tuples(st.integers(-128, 127), st.integers(-128, 127)),
)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_any_rescaling_is_that_of_the_reference(
    scale: float, out_scale: float, zero_points: tuple[int, int]
) -> None:
    if scale / out_scale >= 2.0**30:
        return
    out = spec((1, 256), "int8", out_scale, zero_points[1])
    model = unary("QUANTIZE", scale=scale, zero_point=zero_points[0], output=out)
    assert_matches_oracle(model, [(every_int8(),)])


def test_types_that_cannot_be_quantized_are_refused() -> None:
    model = unary("QUANTIZE", scale=1.0, output=spec((1, 256), "int16", 1.0))
    assert "int8 to int16" in assert_refused(model, quantizes_between_known_types)
    model = unary("DEQUANTIZE", scale=1.0, dtype="int16", output=spec((1, 256), "float32"))
    assert "int16 to float32" in assert_refused(model, dequantizes_8_bits)


def test_sizes_that_differ_are_refused() -> None:
    model = unary("DEQUANTIZE", scale=1.0, output=spec((1, 255), "float32"))
    assert_refused(model, has_as_many_elements)


def test_scales_too_far_apart_are_refused() -> None:
    model = unary("QUANTIZE", scale=1e20, output=spec((1, 256), "int8", 1e-20))
    assert_refused(model, scales_are_comparable)

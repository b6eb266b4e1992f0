"""From float32 to 8-bit integers without a maths library."""

from __future__ import annotations

import dataclasses
from typing import Any

from tvm import te, tirx


@dataclasses.dataclass(frozen=True)
class FloatQuantization:
    """The workload of float32 to 8-bit integers."""

    scale: float
    zero_point: int
    dtype: str  # "int8" or "uint8"


@dataclasses.dataclass(frozen=True)
class Dequantization:
    """The workload of 8-bit integers to float32."""

    scale: float
    zero_point: int
    dtype: str  # "int8" or "uint8"


def quantize_float(x: te.Tensor, how: FloatQuantization) -> te.Tensor:
    """round(x / scale) + zero_point, clamped to the type, for float32 `x` of any shape.

    The division is float32's and halves are rounded away from zero (`AffineQuantize` of
    tensorflow/lite/kernels/internal/reference/quantize.h). Where C leaves the conversion to an integer
    undefined, this saturates, and gives the zero point for a NaN, on every target.
    """
    scale, zero_point, dtype = how.scale, how.zero_point, how.dtype
    low, high = (-128, 127) if dtype == "int8" else (0, 255)

    def real(value: float) -> Any:
        return tirx.const(value, "float32")

    def element(*i: Any) -> Any:
        quotient = x[i] / real(scale)
        quotient = tirx.Select(tirx.isnan(quotient), real(0.0), quotient)
        # Rounding keeps order and the bounds are whole: clamping first gives the same, and fits.
        bounded = te.max(te.min(quotient, real(high - zero_point)), real(low - zero_point))
        whole = bounded.astype("int32")
        rest = bounded - whole.astype("float32")  # exact
        up, down = rest >= real(0.5), rest <= real(-0.5)
        rounded = whole + up.astype("int32") - down.astype("int32")
        return (rounded + tirx.const(zero_point, "int32")).astype(dtype)

    return te.compute(x.shape, element, name="out")


def dequantize(x: te.Tensor, scale: float, zero_point: int) -> te.Tensor:
    """(x - zero_point) * scale in float32, for 8-bit integers `x` of any shape."""

    def element(*i: Any) -> Any:
        difference = x[i].astype("int32") - tirx.const(zero_point, "int32")
        return difference.astype("float32") * tirx.const(scale, "float32")

    return te.compute(x.shape, element, name="out")

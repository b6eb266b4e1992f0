"""Arithmetic on two quantized int8 values, as TFLite Micro's reference kernels do it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from tvm import tirx

from edgekit.compute.fixed_point import Multiplier, clamp, int32, scale_by

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[[Any, Any], Any]

SUM_SHIFT = 20  # bits that int8 operands are moved up before they are scaled to a common scale
_LARGEST = 255  # of a difference of two int8 values
LARGEST_PRODUCT = _LARGEST * _LARGEST
_HALF = Multiplier(1 << 30, 0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Output:
    """Zero point and range of a result."""

    zero_point: int
    low: int = -128
    high: int = 127

    def int8(self, scaled: Any) -> Any:
        """The int8 of an int32 in units of the output's scale."""
        return clamp(scaled + int32(self.zero_point), self.low, self.high).astype("int8")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScaledSum:
    """a + b or a - b: both operands to twice the larger scale, then to the output's."""

    zero_points: tuple[int, int]
    factors: tuple[Multiplier, Multiplier]
    is_difference: bool
    factor: Multiplier
    output: Output

    def __call__(self, a: Any, b: Any) -> Any:
        """The int8 sum of two int8 expressions."""
        first = _to_common_scale(a, self.zero_points[0], self.factors[0])
        second = _to_common_scale(b, self.zero_points[1], self.factors[1])
        total = first - second if self.is_difference else first + second
        return self.output.int8(scale_by(total, self.factor, bound=_LARGEST << SUM_SHIFT))


def _to_common_scale(value: Any, zero_point: int, factor: Multiplier) -> Any:
    wide = _less(value, zero_point)
    if factor == _HALF:  # exact: the operand with the larger scale
        return wide << int32(SUM_SHIFT - 1)
    return scale_by(wide << int32(SUM_SHIFT), factor, bound=_LARGEST << SUM_SHIFT)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScaledProduct:
    """a * b."""

    zero_points: tuple[int, int]
    factor: Multiplier
    output: Output

    def __call__(self, a: Any, b: Any) -> Any:
        """The int8 product of two int8 expressions."""
        product = _less(a, self.zero_points[0]) * _less(b, self.zero_points[1])
        return self.output.int8(scale_by(product, self.factor, bound=LARGEST_PRODUCT))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScaledPrelu:
    """x where x >= 0, x * alpha where x < 0."""

    zero_points: tuple[int, int]
    positive: Multiplier
    negative: Multiplier
    output: Output

    def __call__(self, x: Any, alpha: Any) -> Any:
        """int8 of the int8 expressions x and alpha."""
        value = _less(x, self.zero_points[0])
        slope = _less(alpha, self.zero_points[1])
        kept = scale_by(value, self.positive, bound=_LARGEST)
        scaled = scale_by(value * slope, self.negative, bound=LARGEST_PRODUCT)
        return self.output.int8(tirx.Select(value >= int32(0), kept, scaled))


def _less(value: Any, zero_point: int) -> Any:
    return value.astype("int32") - int32(zero_point)


def fits_left_shift(factor: Multiplier, bound: int) -> bool:
    """Whether values up to `bound` survive the factor's left shift: beyond, the reference overflows."""
    return bound << max(factor.shift, 0) < 1 << 31

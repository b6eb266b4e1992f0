"""Fixed-point scaling, exactly as TFLite Micro's reference kernels do it: on integers, and as expressions.

A real factor is held as multiplier * 2**(shift - 31), the multiplier in [2**30, 2**31). Scaling
rounds twice: a doubling high multiplication that rounds half up, then a right shift that rounds
half away from zero (`MultiplyByQuantizedMultiplier` of tensorflow/lite/kernels/internal/common.cc without
TFLITE_SINGLE_ROUNDING; gemmlowp's `SaturatingRoundingDoublingHighMul` and `RoundingDivideByPOT`).
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te, tirx

if TYPE_CHECKING:
    from numpy.typing import NDArray

Expr = Any  # a tirx expression; TVM ships no types

_HALF_Q31 = 1 << 30


@dataclasses.dataclass(frozen=True)
class Multiplier:
    """A real factor in fixed point: multiplier * 2**(shift - 31)."""

    multiplier: int
    shift: int  # > 0 is a left shift

    @staticmethod
    def of(real: float) -> Multiplier:
        """The nearest fixed-point factor (`QuantizeMultiplier` of quantization_util.cc)."""
        if real == 0.0:
            return Multiplier(0, 0)
        mantissa, shift = math.frexp(real)
        fixed = math.floor(mantissa * (1 << 31) + 0.5)  # positive, so this is round half away from zero
        if fixed == 1 << 31:
            fixed, shift = fixed // 2, shift + 1
        if shift < -31:
            return Multiplier(0, 0)
        return Multiplier(fixed, shift)


def scale_integers(values: NDArray[np.int64], factor: Multiplier) -> NDArray[np.int64]:
    """`values` (int32 range) times `factor` with both roundings; what a kernel would give.

    The left shift wraps in 32 bits, as it does in the reference.
    """
    left, right = max(factor.shift, 0), max(-factor.shift, 0)
    shifted = (values << left).astype(np.int32).astype(np.int64)
    high = (shifted * factor.multiplier + _HALF_Q31) >> 31
    return rounding_divide_by_power_of_two(high, right)


def rounding_divide_by_power_of_two(values: NDArray[np.int64], exponent: int) -> NDArray[np.int64]:
    """values / 2**exponent, rounded half away from zero (gemmlowp's `RoundingDivideByPOT`)."""
    if exponent == 0:
        return values
    return (values + (1 << (exponent - 1)) + (values >> 63)) >> exponent


def int32(value: int) -> Expr:
    """An int32 literal."""
    return tirx.const(value, "int32")


def high_multiply(value: Expr, multiplier: Expr) -> Expr:
    """Saturating rounding doubling high multiplication of an int32 by a non-negative multiplier."""
    product = value.astype("int64") * multiplier.astype("int64")
    return ((product + tirx.const(_HALF_Q31, "int64")) >> tirx.const(31, "int64")).astype("int32")


def shift_right_rounding(value: Expr, right: Expr, *, may_be_zero: bool, wide: bool) -> Expr:
    """`RoundingDivideByPOT` of an int32 without a comparison.

    `wide` adds in 64 bits: needed unless |value| + 2**(right - 1) is known to stay below 2**31.
    `may_be_zero` must be set unless every shift is at least 1.
    """
    dtype = "int64" if wide else "int32"
    one, sign_shift = tirx.const(1, dtype), tirx.const(63 if wide else 31, dtype)
    value, right = value.astype(dtype), right.astype(dtype)
    if may_be_zero:
        # For right = 0 both must vanish. (1 << right) >> 1 would be negative for right = 31 in 32 bits.
        zero, shifts = tirx.const(0, dtype), tirx.min(right, one)
        half = shifts << tirx.max(right - one, zero)
        sign = (value >> sign_shift) & (zero - shifts)
    else:
        half, sign = one << (right - one), value >> sign_shift
    return ((value + half + sign) >> right).astype("int32")


@dataclasses.dataclass(frozen=True)
class Requantization:
    """How an int32 accumulator becomes an int8 output: factors, zero point, clamp.

    One factor per output channel, or one for all. `bound` is the largest absolute value that the
    accumulator can take: it decides how cheap the exact form may be.
    """

    factors: tuple[Multiplier, ...]
    zero_point: int
    low: int
    high: int
    bound: int = (1 << 31) - 1

    @property
    def multipliers(self) -> NDArray[np.int32]:
        """Multipliers as the array a kernel reads."""
        return np.array([f.multiplier for f in self.factors], np.int32)

    @property
    def shifts(self) -> NDArray[np.int32]:
        """Shifts as the array a kernel reads; > 0 is a left shift, as in TFLite."""
        return np.array([f.shift for f in self.factors], np.int32)

    @property
    def form(self) -> RequantizeForm:
        """The cheapest exact form for these factors."""
        left = max(0, *(f.shift for f in self.factors)) if self.factors else 0
        right = [max(-f.shift, 0) for f in self.factors]
        # The high product of a value is at most that value: multipliers are below 2**31.
        wide = (self.bound << left) + (1 << max(max(right) - 1, 0)) >= 1 << 31
        return RequantizeForm(has_left_shift=left > 0, may_not_shift=min(right) == 0, wide=wide)


@dataclasses.dataclass(frozen=True)
class RequantizeForm:
    """Which cases the expression must cover. All False is the cheap and common form."""

    has_left_shift: bool
    may_not_shift: bool
    wide: bool


def requantize(acc: Expr, multiplier: Expr, shift: Expr, how: Requantization) -> Expr:
    """int8 output of an int32 accumulator; `multiplier` and `shift` are those of its channel."""
    form = how.form
    zero = int32(0)
    if form.has_left_shift:
        acc = acc << tirx.max(shift, zero)
        right = tirx.max(zero - shift, zero)
    else:
        right = zero - shift
    scaled = shift_right_rounding(
        high_multiply(acc, multiplier), right, may_be_zero=form.may_not_shift, wide=form.wide
    )
    return clamp(scaled + int32(how.zero_point), how.low, how.high).astype("int8")


def scale_by(value: Expr, factor: Multiplier, *, bound: int = (1 << 31) - 1) -> Expr:
    """An int32 expression times a constant factor, both roundings."""
    left, right = max(factor.shift, 0), max(-factor.shift, 0)
    if left:
        value = value << int32(left)
    high = high_multiply(value, int32(factor.multiplier))
    if right == 0:
        return high
    wide = (bound << left) + (1 << (right - 1)) >= 1 << 31
    return shift_right_rounding(high, int32(right), may_be_zero=False, wide=wide)


def clamp(value: Expr, low: int, high: int) -> Expr:
    """min(max(value, low), high) of an int32."""
    return te.max(te.min(value, int32(high)), int32(low))

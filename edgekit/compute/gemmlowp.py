"""gemmlowp's fixed-point functions on integers, as TFLite Micro uses them.

A value of Q(n) is an int32 with n integer bits: real = raw / 2**(31 - n). On the host, values are
int64 arrays that stay in int32's range; functions marked so take int64 expressions just as well.
Source: fixedpoint/fixedpoint.h of gemmlowp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.compute.fixed_point import rounding_divide_by_power_of_two

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Raw = NDArray[np.int64]

INT32_MAX = (1 << 31) - 1
INT32_MIN = -(1 << 31)
NEWTON_STEPS = 3

# exp(-2**k) in Q0 for k = -2 .. 4.
_EXP_OF_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
_EXP_MINUS_EIGHTH, _THIRD = 1895147668, 715827883  # Q0
_48_OVER_17, _MINUS_32_OVER_17 = 1515870810, -1010580540  # Q2
_ONE_Q2 = 1 << 29


def multiply(a: Any, b: Any) -> Any:
    """Rounding doubling high product: Q(m) x Q(n) gives Q(m + n). For arrays and expressions.

    gemmlowp saturates the product of the lowest int32 with itself; no function here meets it.
    """
    return (a * b + (1 << 30)) >> 31


def multiply_by_power_of_two(raw: Raw, exponent: int) -> Raw:
    """raw * 2**exponent: saturating to the left, rounding half away from zero to the right."""
    if exponent < 0:
        return rounding_divide_by_power_of_two(raw, -exponent)
    return np.clip(raw << exponent, INT32_MIN, INT32_MAX)


def exp_on_negative_values(raw: Raw, integer_bits: int) -> Raw:
    """exp(x) in Q0 for x <= 0 in Q(integer_bits), integer_bits at most 5."""
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    # x = (its part in [-1/4, 0)) - remainder, the remainder a multiple of 1/4.
    part = (raw & (quarter - 1)) - quarter
    remainder = part - raw
    result = _exp_between_minus_quarter_and_zero(multiply_by_power_of_two(part, integer_bits))
    for power, factor in enumerate(_EXP_OF_POWERS, start=-2):
        if power < integer_bits:
            is_set = (remainder >> (fraction_bits + power)) & 1
            result = np.where(is_set, multiply(result, factor), result)
    return np.where(raw == 0, INT32_MAX, result)


def _exp_between_minus_quarter_and_zero(a: Raw) -> Raw:
    """Taylor's polynomial of degree 4 around -1/8, in Q0."""
    x = a + (1 << 28)
    x2 = multiply(x, x)
    x3 = multiply(x2, x)
    quarter_x4 = multiply_by_power_of_two(multiply(x2, x2), -2)
    higher = multiply_by_power_of_two(multiply(quarter_x4 + x3, _THIRD) + x2, -1)
    return _EXP_MINUS_EIGHTH + multiply(x + higher, _EXP_MINUS_EIGHTH)


def half_denominator(a: Any) -> Any:
    """(1 + a) / 2 in Q0 for a >= 0 in Q0. For arrays and expressions."""
    return (a + (INT32_MAX + 1)) >> 1


def newton_start(half: Any) -> Any:
    """A first guess of 1 / half in Q2, for half in [1/2, 1] in Q0. For arrays and expressions."""
    return multiply(half, _MINUS_32_OVER_17) + _48_OVER_17


def newton_step(x: Any, half: Any) -> Any:
    """A better guess of 1 / half; NEWTON_STEPS of them make the answer. For arrays and expressions."""
    return x + (multiply(x, _ONE_Q2 - multiply(half, x)) << 2)


def _reciprocal(half: Raw) -> Raw:
    """1 / half in Q2."""
    x: Raw = newton_start(half)
    for _ in range(NEWTON_STEPS):
        x = newton_step(x, half)
    return x


def one_over_one_plus(a: Raw) -> Raw:
    """1 / (1 + a) in Q0 for a in [0, 1] in Q0 (`one_over_one_plus_x_for_x_in_0_1`)."""
    return multiply_by_power_of_two(_reciprocal(half_denominator(a)), 1)  # the other half: Q2 read as Q1


def logistic(raw: Raw, integer_bits: int) -> Raw:
    """1 / (1 + exp(-x)) in Q0 of x in Q(integer_bits)."""
    positive = one_over_one_plus(exp_on_negative_values(-np.abs(raw), integer_bits))
    result = np.where(raw > 0, positive, INT32_MAX - positive)
    return np.where(raw == 0, 1 << 30, result)


def tanh(raw: Raw, integer_bits: int) -> Raw:
    """tanh(x) in Q0 of x in Q(integer_bits)."""
    # exp(-2|x|): doubling is the same bits with one more integer bit.
    a = exp_on_negative_values(-np.abs(raw), integer_bits + 1)
    # (1 - a) / (1 + a) = 2 / (1 + a) - 1
    positive = multiply_by_power_of_two(_reciprocal(half_denominator(a)) - _ONE_Q2, 2)
    return np.where(raw == 0, 0, np.where(raw > 0, positive, -positive))

"""A sum of two quantized values with one shift instead of three, where that gives the same for every input.

The reference (see arithmetic.py) scales both operands, adds them and scales the sum, with two roundings each
time. One high multiplication of each operand, with the zero points in an offset, takes a third of the
instructions. It may differ where a sum lies next to the middle between two results, so all 65,536 pairs of
operands are tried, and where some differ, so are multipliers and offsets nearby.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.compute.arithmetic import SUM_SHIFT, ScaledSum
from edgekit.compute.fixed_point import Multiplier, scale_integers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_TOP = 24  # bits that an operand is moved up: into the highest byte of 32
_LEAST_SHIFT = 16  # with it, a sum of 32 bits becomes one of 16
_LIMIT = (1 << 31) - (1 << 16)
_INT8 = np.arange(-128, 128, dtype=np.int64)


@dataclasses.dataclass(frozen=True)
class FastSum:
    """(high(a << 24, first) + high(b << 24, second) + offset + half) >> shift, clamped.

    `high` is the rounding doubling high multiplication.
    """

    multipliers: tuple[int, int]
    offset: int
    shift: int
    low: int
    high: int

    def values(self) -> NDArray[np.int64]:
        """The results of all operands, [a + 128, b + 128]."""
        first, second = (((_INT8 << _TOP) * m + (1 << 30)) >> 31 for m in self.multipliers)
        total = first[:, np.newaxis] + second + self.offset
        return np.clip((total + (1 << (self.shift - 1))) >> self.shift, self.low, self.high)


@functools.cache
def fast_sum(exact: ScaledSum) -> FastSum | None:
    """The same function in one rounding, or None if none was found."""
    wanted = exact_values(exact)
    return next((fast for fast in _candidates(exact) if np.array_equal(fast.values(), wanted)), None)


def exact_values(exact: ScaledSum) -> NDArray[np.int64]:
    """What the reference gives for all operands, [a + 128, b + 128]."""
    first, second = (
        scale_integers((_INT8 - zero) << SUM_SHIFT, factor)
        for zero, factor in zip(exact.zero_points, exact.factors, strict=True)
    )
    total = first[:, np.newaxis] - second if exact.is_difference else first[:, np.newaxis] + second
    scaled = scale_integers(total, exact.factor) + exact.output.zero_point
    return np.clip(scaled, exact.output.low, exact.output.high)


def _candidates(exact: ScaledSum) -> Iterator[FastSum]:
    """The nearest numbers first, then others around them."""
    signs = (1, -1 if exact.is_difference else 1)
    ratios = [
        sign * _real(factor) * _real(exact.factor) * 2.0**SUM_SHIFT
        for sign, factor in zip(signs, exact.factors, strict=True)
    ]
    zero = exact.output.zero_point - sum(r * z for r, z in zip(ratios, exact.zero_points, strict=True))
    size = 128 * sum(abs(ratio) for ratio in ratios) + abs(zero) + 1
    largest = max(size, *(abs(ratio) * (1 << (31 - _TOP)) for ratio in ratios))
    shift = min(math.floor(math.log2(_LIMIT / largest)), 31)
    if shift < _LEAST_SHIFT or not all(ratios):
        return
    first, second = (round(ratio * 2.0 ** (shift + 31 - _TOP)) for ratio in ratios)
    offset = round(zero * 2.0**shift)
    steps: Any = itertools.product(range(-2, 3), range(-2, 3), range(-3, 4))
    for a, b, c in sorted(steps, key=lambda step: sum(map(abs, step))):
        multipliers = first + a, second + b
        yield FastSum(multipliers, offset + c, shift, exact.output.low, exact.output.high)


def _real(factor: Multiplier) -> float:
    return factor.multiplier * 2.0 ** (factor.shift - 31)

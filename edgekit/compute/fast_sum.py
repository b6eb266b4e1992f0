"""A sum of two quantized values with one shift instead of three, where that gives the same for every input.

The reference (see arithmetic.py) scales both operands, adds them and scales the sum, with two roundings each
time. One multiplication of each operand, with the zero points in an offset, takes a third of the
instructions. It may differ where a sum lies next to the middle between two results, so all 65,536 pairs of
operands are tried, and where some differ, so are multipliers and offsets nearby.

There are three forms, by the multiplications that CPUs have: FastSum, PairSum, and NarrowSum, which all have.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from typing import TYPE_CHECKING, ClassVar, TypeVar

import numpy as np

from edgekit.compute.arithmetic import SUM_SHIFT, ScaledSum
from edgekit.compute.fixed_point import Multiplier, scale_integers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_TOP = 24  # bits that an operand is moved up: into the highest byte of 32
_LEAST_SHIFT = 16  # with it, a sum of 32 bits becomes one of 16
_LIMIT = (1 << 31) - (1 << 16)
_FAR = 1 << 40  # beyond any sum
_PAIR_BITS = 15  # of a multiplier's lower half
_PAIR_LIMIT = (1 << 30) - 64  # a multiplier whose upper half fits int16, with its neighbours
_STEP_BITS = SUM_SHIFT + 6  # of multipliers: times an operand, some units of the reference's sums
_MOST_PAIR_SHIFT = 30  # what is below the point, and the products of lower halves, fit int32
_INT8 = np.arange(-128, 128, dtype=np.int64)
_INT16 = np.iinfo(np.int16)


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


@dataclasses.dataclass(frozen=True)
class PairSum:
    """((a * first + b * second + offset) >> shift) + zero_point, clamped; both terms saturate in 16 bits.

    Multipliers have 31 bits, more than instructions take that add the products of pairs of 16 bits. Those
    compute it in two steps, by halves of the multipliers: shifting what the lower halves give, and then the
    sum of that and what the upper ones give, loses the same as one shift of all.
    """

    multipliers: tuple[int, int]
    offset: int  # with the half that rounds; 0 <= offset < 1 << shift
    shift: int  # at least LOWER_BITS
    zero_point: int
    low: int
    high: int

    LOWER_BITS: ClassVar[int] = _PAIR_BITS

    @property
    def lower(self) -> tuple[int, int]:
        """The lower halves of the multipliers, of LOWER_BITS."""
        first, second = (multiplier & ((1 << _PAIR_BITS) - 1) for multiplier in self.multipliers)
        return first, second

    @property
    def upper(self) -> tuple[int, int]:
        """What is left of the multipliers."""
        first, second = (multiplier >> _PAIR_BITS for multiplier in self.multipliers)
        return first, second

    def values(self) -> NDArray[np.int64]:
        """The results of all operands, [a + 128, b + 128]."""
        first, second = (_INT8 * m for m in self.multipliers)
        total = (first[:, np.newaxis] + second + self.offset) >> self.shift
        total = np.clip(total, _INT16.min, _INT16.max) + self.zero_point
        return np.clip(total, self.low, self.high)


@dataclasses.dataclass(frozen=True)
class NarrowSum:
    """(a * first + b * second + offset) >> shift, clamped; no part of it leaves int32.

    Multipliers have some 22 bits. Of which offsets give the same there is a range, known from all results.
    """

    multipliers: tuple[int, int]
    offset: int
    shift: int
    low: int
    high: int

    def values(self) -> NDArray[np.int64]:
        """The results of all operands, [a + 128, b + 128]."""
        first, second = (_INT8 * m for m in self.multipliers)
        return np.clip((first[:, np.newaxis] + second + self.offset) >> self.shift, self.low, self.high)


_Sum = TypeVar("_Sum", FastSum, PairSum)


@functools.cache
def fast_sum(exact: ScaledSum) -> FastSum | None:
    """The same function in one rounding, or None if none was found."""
    return _first_equal(exact, _candidates(exact))


@functools.cache
def pair_sum(exact: ScaledSum) -> PairSum | None:
    """The same function by products of pairs, or None if none was found."""
    return _first_equal(exact, _pair_candidates(exact))


@functools.cache
def narrow_sum(exact: ScaledSum) -> NarrowSum | None:
    """The same function without leaving 32 bits, or None if none was found."""
    wanted = exact_values(exact)
    ratios, zero = _real_terms(exact)
    size = 128 * sum(abs(ratio) for ratio in ratios) + abs(zero) + 1
    shift = min(math.floor(math.log2(_LIMIT / size)), _MOST_PAIR_SHIFT)
    if shift < 1:
        return None
    nearest = [round(ratio * 2.0**shift) for ratio in ratios]
    # Where the result is clamped, any sum beyond will do.
    least = np.where(wanted > exact.output.low, wanted << shift, -_FAR)
    most = np.where(wanted < exact.output.high, ((wanted + 1) << shift) - 1, _FAR)
    for a, b in dict.fromkeys((a, b) for a, b, _ in _STEPS):
        multipliers = nearest[0] + a, nearest[1] + b
        products = (_INT8 * multipliers[0])[:, np.newaxis] + _INT8 * multipliers[1]
        lowest, highest = int((least - products).max()), int((most - products).min())
        offset = min(max(round(zero * 2.0**shift) + (1 << (shift - 1)), lowest), highest)
        if lowest <= highest and _stays_in_int32(products, _INT8 * multipliers[0], offset):
            return NarrowSum(multipliers, offset, shift, exact.output.low, exact.output.high)
    return None


def _stays_in_int32(products: NDArray[np.int64], first: NDArray[np.int64], offset: int) -> bool:
    return max(int(np.abs(products + offset).max()), int(np.abs(first + offset).max())) < 1 << 31


def _first_equal(exact: ScaledSum, candidates: Iterator[_Sum]) -> _Sum | None:
    wanted = exact_values(exact)
    return next((candidate for candidate in candidates if np.array_equal(candidate.values(), wanted)), None)


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
    ratios, zero = _real_terms(exact)
    size = 128 * sum(abs(ratio) for ratio in ratios) + abs(zero) + 1
    largest = max(size, *(abs(ratio) * (1 << (31 - _TOP)) for ratio in ratios))
    shift = min(math.floor(math.log2(_LIMIT / largest)), 31)
    if shift < _LEAST_SHIFT or not all(ratios):
        return
    first, second = (round(ratio * 2.0 ** (shift + 31 - _TOP)) for ratio in ratios)
    offset = round(zero * 2.0**shift)
    for a, b, c in _STEPS:
        multipliers = first + a, second + b
        yield FastSum(multipliers, offset + c, shift, exact.output.low, exact.output.high)


def _pair_candidates(exact: ScaledSum) -> Iterator[PairSum]:
    """The nearest numbers first, then others around them, about as far as the reference's rounding."""
    ratios, zero = _real_terms(exact)
    largest = max(abs(ratio) for ratio in ratios)
    if largest == 0:
        return
    shift = min(math.floor(math.log2(_PAIR_LIMIT / largest)), _MOST_PAIR_SHIFT)
    if shift < _PAIR_BITS or abs(zero) >= _INT16.max:
        return
    first, second = (round(ratio * 2.0**shift) for ratio in ratios)
    total = round(zero * 2.0**shift) + (1 << (shift - 1))
    step, wide_step = (1 << max(0, shift - bits) for bits in (_STEP_BITS, SUM_SHIFT))
    for a, b, c in _STEPS:
        zero_point, offset = divmod(total + c * wide_step, 1 << shift)
        multipliers = first + a * step, second + b * step
        yield PairSum(multipliers, offset, shift, zero_point, exact.output.low, exact.output.high)


def _steps() -> list[tuple[int, int, int]]:
    """How far to go from the nearest multipliers and offset, the least first."""
    steps = itertools.product(range(-2, 3), range(-2, 3), range(-3, 4))
    return sorted(steps, key=lambda step: sum(map(abs, step)))


_STEPS = _steps()


def _real_terms(exact: ScaledSum) -> tuple[list[float], float]:
    """By how much the operands are multiplied, and what is added, in units of the result."""
    signs = (1, -1 if exact.is_difference else 1)
    ratios = [
        sign * _real(factor) * _real(exact.factor) * 2.0**SUM_SHIFT
        for sign, factor in zip(signs, exact.factors, strict=True)
    ]
    zero = sum(ratio * zero for ratio, zero in zip(ratios, exact.zero_points, strict=True))
    return ratios, exact.output.zero_point - zero


def _real(factor: Multiplier) -> float:
    return factor.multiplier * 2.0 ** (factor.shift - 31)

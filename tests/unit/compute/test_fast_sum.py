"""Sums of two quantized values in fewer roundings: the same for all operands, or not taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgekit.compute.arithmetic import Output, ScaledSum
from edgekit.compute.fast_sum import exact_values, fast_sum, pair_sum
from edgekit.compute.fixed_point import Multiplier

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _sum(
    scales: tuple[float, float, float],
    zero_points: tuple[int, int, int] = (3, -7, 11),
    *,
    is_difference: bool = False,
    low: int = -128,
    high: int = 127,
) -> ScaledSum:
    """As ADD and SUB are lowered."""
    first, second, out = scales
    twice_largest = 2 * max(first, second)
    return ScaledSum(
        zero_points=zero_points[:2],
        factors=(Multiplier.of(first / twice_largest), Multiplier.of(second / twice_largest)),
        is_difference=is_difference,
        factor=Multiplier.of(twice_largest / ((1 << 20) * out)),
        output=Output(zero_point=zero_points[2], low=low, high=high),
    )


def test_the_exact_values_are_the_rounded_sums() -> None:
    values = exact_values(_sum((0.5, 0.25, 0.75), (0, 0, 0)))
    assert values[128 + 3, 128 + 6] == 4  # (1.5 + 1.5) / 0.75
    assert values[128 - 3, 128 - 6] == -4
    assert (values[0, 0], values[255, 255]) == (-128, 127)


@pytest.mark.parametrize("is_difference", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_a_fast_sum_is_exact_for_all_operands(seed: int, is_difference: bool) -> None:
    random = np.random.default_rng(seed)
    first, second, out = (float(scale) for scale in np.exp(random.normal(-3, 1, 3)))
    a, b, result = (int(zero) for zero in random.integers(-128, 128, 3))
    exact = _sum((first, second, out), (a, b, result), is_difference=is_difference, low=-100)
    fast = fast_sum(exact)
    assert fast is not None
    assert np.array_equal(fast.values(), exact_values(exact))
    pairs = pair_sum(exact)
    assert pairs is not None
    assert np.array_equal(pairs.values(), exact_values(exact))


def test_halves_of_both_signs_have_no_fast_sum() -> None:
    """Sums that end in a half are rounded away from zero, which one rounding cannot do."""
    assert fast_sum(_sum((0.25, 0.25, 0.5), (0, 0, 0))) is None


def test_halves_of_both_signs_are_rounded_away_from_zero_by_larger_multipliers_of_pairs() -> None:
    exact = _sum((0.25, 0.25, 0.5), (0, 0, 0))
    pairs = pair_sum(exact)
    assert pairs is not None
    assert np.array_equal(pairs.values(), exact_values(exact))
    assert all(multiplier / 2**pairs.shift > 0.5 for multiplier in pairs.multipliers)


def test_an_operand_that_does_not_count_has_no_fast_sum() -> None:
    assert fast_sum(_sum((1.0, 1e-30, 1.0))) is None


_SCALES = [(0.02, 0.05, 0.031), (0.5132, 0.00311, 0.2137), (3.0, 0.1, 0.01), (0.1, 0.1, 20.0)]


@pytest.mark.parametrize("is_difference", [False, True])
@pytest.mark.parametrize("scales", _SCALES)
def test_halves_of_multipliers_give_the_same_in_the_bits_that_instructions_have(
    scales: tuple[float, float, float], is_difference: bool
) -> None:
    pairs = pair_sum(_sum(scales, is_difference=is_difference))
    assert pairs is not None
    assert all(0 <= half < 1 << 15 for half in pairs.lower)
    assert all(-(1 << 15) <= half < 1 << 15 for half in pairs.upper)
    a, b = np.mgrid[-128:128, -128:128]
    low = a * pairs.lower[0] + b * pairs.lower[1] + pairs.offset
    assert np.abs(low).max() < 1 << 31
    high = a * pairs.upper[0] + b * pairs.upper[1]
    total = ((low >> pairs.LOWER_BITS) + high) >> (pairs.shift - pairs.LOWER_BITS)
    moved = _int16(_int16(total) + pairs.zero_point)
    assert np.array_equal(np.clip(moved, pairs.low, pairs.high), pairs.values())


def _int16(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.clip(values, -(1 << 15), (1 << 15) - 1)


def test_scales_too_far_apart_have_no_sum_of_pairs() -> None:
    assert pair_sum(_sum((1e6, 1.0, 1.0))) is None

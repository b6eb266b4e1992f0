"""Fixed-point scaling against a formulation of its own: Python's unbounded integers, rounding spelt out."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tvm
from hypothesis import given, settings
from hypothesis import strategies as st
from tvm import te

from edgekit.compute import gemmlowp
from edgekit.compute.fixed_point import (
    Multiplier,
    Requantization,
    int32,
    requantize,
    rounding_divide_by_power_of_two,
    scale_by,
    scale_integers,
    shift_right_rounding,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_INT32 = (-(2**31), 2**31 - 1)


def _nearest(value: Fraction, *, up: bool) -> int:
    """The nearest integer; a half goes up, or else away from zero."""
    if up or value >= 0:
        return math.floor(value + Fraction(1, 2))
    return math.ceil(value - Fraction(1, 2))


def _scaled(value: int, factor: Multiplier) -> int:
    """value * factor as documented: the multiplier, halves up; the right shift, halves away from zero."""
    high = _nearest(Fraction((value << max(factor.shift, 0)) * factor.multiplier, 1 << 31), up=True)
    return _nearest(Fraction(high, 1 << max(-factor.shift, 0)), up=False)


def _interesting(limit: int, seed: int = 0) -> NDArray[np.int32]:
    """Integers of every magnitude up to a limit: edges, powers of two and their neighbours, random ones."""
    random = np.random.default_rng(seed)
    powers = [sign * (1 << k) + d for k in range(31) for sign in (-1, 1) for d in (-1, 0, 1)]
    spread = (random.uniform(-1, 1, 2000) * 2.0 ** random.integers(0, 32, 2000)).astype(np.int64)
    values = np.concatenate([powers, spread, [-limit, -limit + 1, limit - 1, limit, *range(-300, 300)]])
    kept: NDArray[np.int32] = values[np.abs(values) <= limit].astype(np.int32)
    return kept


def _applied(function: Callable[..., Any], parameters: tuple[Any, ...], x: Any) -> Any:
    return function(x, *parameters)


def _run(function: Callable[[Any], Any], values: NDArray[np.int32]) -> NDArray[Any]:
    """An expression's value for each of many int32."""
    x = te.placeholder(values.shape, "int32", name="x")
    y = te.compute(values.shape, lambda i: function(x[i]), name="y")
    library = tvm.compile(tvm.IRModule({"main": te.create_prim_func([x, y])}), target="llvm")
    result = tvm.runtime.tensor(np.zeros(values.shape, str(y.dtype)))
    library["main"](tvm.runtime.tensor(values), result)
    return np.asarray(result.numpy())


_FACTORS = [
    Multiplier(1 << 30, 0),
    Multiplier(2**31 - 1, 0),
    Multiplier(1 << 30, -1),
    Multiplier(1518500250, -7),
    Multiplier(2**31 - 1, -30),
    Multiplier(1 << 30, -31),
    Multiplier(0, 0),
    Multiplier(1518500250, 1),
    Multiplier(2**31 - 1, 15),
]


@pytest.mark.parametrize("real", [1.0, 0.5, 0.3, 1e-9, 2.0**-32, 2.0**-33, 3.7e5, 1 - 2.0**-40, 2.0**30])
def test_a_factor_is_the_nearest_of_31_bits(real: float) -> None:
    factor = Multiplier.of(real)
    if factor.multiplier == 0:
        assert real < 2.0**-32
        return
    assert 1 << 30 <= factor.multiplier < 1 << 31
    # Within half a unit, but where that would be 2**31: there the next binade has the same value.
    held = Fraction(factor.multiplier) * Fraction(2) ** (factor.shift - 31)
    assert abs(held - Fraction(real)) <= Fraction(2) ** (factor.shift - 32)


@pytest.mark.parametrize("factor", _FACTORS)
def test_scaling_rounds_twice_on_the_host_and_in_expressions(factor: Multiplier) -> None:
    limit = _INT32[1] >> max(factor.shift, 0)
    values = _interesting(limit)
    expected = np.array([_scaled(int(value), factor) for value in values])
    np.testing.assert_array_equal(scale_integers(values.astype(np.int64), factor), expected)
    np.testing.assert_array_equal(_run(lambda x: scale_by(x, factor), values), expected)


@pytest.mark.parametrize("factor", _FACTORS)
@pytest.mark.parametrize("bound", [255, 65025, 1 << 28])
def test_a_known_bound_changes_no_answer(factor: Multiplier, bound: int) -> None:
    bound = min(bound, _INT32[1] >> max(factor.shift, 0))
    values = _interesting(bound)
    expected = np.array([_scaled(int(value), factor) for value in values])
    np.testing.assert_array_equal(_run(lambda x: scale_by(x, factor, bound=bound), values), expected)


@pytest.mark.parametrize("shifts", [(0,), (-1,), (-9,), (-31,), (-5, 0), (-3, 4), (2,), (9, -31)])
@pytest.mark.parametrize("bound", [1000, 1 << 21, _INT32[1]])
def test_requantizing_is_scaling_moving_and_clamping(shifts: tuple[int, ...], bound: int) -> None:
    bound = min(bound, _INT32[1] >> max(*shifts, 0, 0))
    how = Requantization(
        factors=tuple(Multiplier(1518500250, shift) for shift in shifts),
        zero_point=-7,
        low=-100,
        high=120,
        bound=bound,
    )
    values = _interesting(bound)
    for factor in how.factors:
        scaled = np.array([_scaled(int(value), factor) for value in values])
        parameters = (int32(factor.multiplier), int32(factor.shift), how)
        actual = _run(partial(_applied, requantize, parameters), values)
        np.testing.assert_array_equal(actual, np.clip(scaled - 7, -100, 120))


@given(value=st.integers(*_INT32), exponent=st.integers(0, 31))
@settings(derandomize=True)
def test_dividing_on_the_host_rounds_halves_away_from_zero(value: int, exponent: int) -> None:
    expected = _nearest(Fraction(value, 1 << exponent), up=False)
    assert rounding_divide_by_power_of_two(np.array([value]), exponent)[0] == expected


@pytest.mark.parametrize("right", [1, 2, 15, 30, 31])
def test_wide_shifts_hold_the_extremes(right: int) -> None:
    values = _interesting(_INT32[1])
    expected = [_nearest(Fraction(int(value), 1 << right), up=False) for value in values]
    for may_be_zero in (False, True):
        rounded = partial(shift_right_rounding, right=int32(right), may_be_zero=may_be_zero, wide=True)
        actual = _run(rounded, values)
        np.testing.assert_array_equal(actual, expected)


# ----------------------------------------------------------------------------------- gemmlowp


def test_exponentials_and_their_kin_are_near_the_real_functions() -> None:
    raw = np.arange(-(2**31), 2**31, 1 << 21, dtype=np.int64)
    for bits in (4, 5):
        real = raw / 2.0 ** (31 - bits)
        below = raw <= 0
        exponential = gemmlowp.exp_on_negative_values(raw[below], bits) / 2.0**31
        np.testing.assert_allclose(exponential, np.exp(real[below]), atol=2e-7)
        np.testing.assert_allclose(gemmlowp.logistic(raw, bits) / 2.0**31, 1 / (1 + np.exp(-real)), atol=2e-7)
    np.testing.assert_allclose(gemmlowp.tanh(raw, 4) / 2.0**31, np.tanh(raw / 2.0**27), atol=4e-7)


def test_reciprocals_are_near_the_real_ones() -> None:
    raw = np.arange(0, 2**31, 1 << 20, dtype=np.int64)
    np.testing.assert_allclose(gemmlowp.one_over_one_plus(raw) / 2.0**31, 1 / (1 + raw / 2.0**31), atol=2e-9)


def test_the_ends_of_the_curves_are_exact() -> None:
    zero = np.zeros(1, np.int64)
    assert gemmlowp.exp_on_negative_values(zero, 5)[0] == 2**31 - 1
    assert gemmlowp.logistic(zero, 4)[0] == 1 << 30
    assert gemmlowp.tanh(zero, 4)[0] == 0
    assert gemmlowp.multiply_by_power_of_two(np.array([1 << 30, -(1 << 30)]), 4).tolist() == list(
        _INT32[::-1]
    )

"""Elementwise operators by microcontrollers' shared kernels: every byte is the reference's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.compute.arithmetic import SUM_SHIFT, Output, ScaledSum
from edgekit.compute.fast_sum import exact_values, narrow_sum
from edgekit.compute.fixed_point import Multiplier
from edgekit.compute.lookup import Lookup
from edgekit.compute.movement import RowCopy, Span, take
from edgekit.compute.quantize import Dequantization, FloatQuantization
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.templates.mcu_elementwise import shared_kernel
from edgekit.testing.mcu_calls import run_shared

if TYPE_CHECKING:
    from numpy.typing import NDArray

EVERY_BYTE = np.arange(-128, 128).astype(np.int8)


def run(workload: Any, inputs: list[NDArray[Any]], out: NDArray[Any], *constants: NDArray[Any]) -> None:
    """The kernel gives `out`, apart from its input and where its lead puts it."""
    shared = shared_kernel(workload, out.size)
    assert shared is not None, workload
    assert shared.lead_bytes is not None
    scheduled = Scheduled(None, shared=shared)
    for offset in (None, -shared.lead_bytes):
        np.testing.assert_array_equal(run_shared(scheduled, inputs, constants, out, offset=offset), out)


def scaled_sum(
    scales: tuple[float, float, float],
    zero_points: tuple[int, int, int],
    *,
    is_difference: bool = False,
    low: int = -128,
    high: int = 127,
) -> ScaledSum:
    """The sum of tensors with these scales and zero points, the last those of the result."""
    first, second, out = scales
    twice = 2 * max(first, second)
    return ScaledSum(
        zero_points=zero_points[:2],
        factors=(Multiplier.of(first / twice), Multiplier.of(second / twice)),
        is_difference=is_difference,
        factor=Multiplier.of(twice / ((1 << SUM_SHIFT) * out)),
        output=Output(zero_point=zero_points[2], low=low, high=high),
    )


@given(
    logs=st.tuples(*[st.floats(-5, 2)] * 3),
    zero_points=st.tuples(*[st.integers(-128, 127)] * 3),
    is_difference=st.booleans(),
    ends=st.tuples(st.integers(-128, 127), st.integers(-128, 127)),
)
@settings(max_examples=100, deadline=None)
def test_narrow_sums_equal_the_reference_for_all_pairs(
    logs: tuple[float, float, float],
    zero_points: tuple[int, int, int],
    is_difference: bool,
    ends: tuple[int, int],
) -> None:
    first, second, out = (float(np.float32(10.0**log)) for log in logs)
    exact = scaled_sum(
        (first, second, out), zero_points, is_difference=is_difference, low=min(ends), high=max(ends)
    )
    narrow = narrow_sum(exact)
    if narrow is not None:
        np.testing.assert_array_equal(narrow.values(), exact_values(exact))


@pytest.mark.parametrize("is_difference", [False, True])
@pytest.mark.parametrize("limits", [(-128, 127), (-20, 100)])
@pytest.mark.parametrize("scales", [(0.02, 0.05, 0.031), (0.02, 0.02, 0.04), (0.5132, 0.00311, 0.2137)])
def test_sums_of_all_pairs_are_exact(
    scales: tuple[float, float, float], limits: tuple[int, int], is_difference: bool
) -> None:
    exact = scaled_sum(scales, (5, -128, 17), is_difference=is_difference, low=limits[0], high=limits[1])
    a, b = (values.reshape(-1) for values in np.meshgrid(EVERY_BYTE, EVERY_BYTE, indexing="ij"))
    run(exact, [a, b], exact_values(exact).reshape(-1).astype(np.int8))


def test_tables_are_read_for_every_byte() -> None:
    table = np.random.default_rng(0).integers(-128, 128, 256).astype(np.int8)
    run(Lookup("int8", "int8"), [EVERY_BYTE], table[EVERY_BYTE.astype(int) + 128], table)


@pytest.mark.parametrize("zero_point", [-128, -3, 0, 127])
@pytest.mark.parametrize("scale", [1.0, 0.0329434908926487, 0.8810154795646667, 300.0])
def test_floats_are_rounded_half_away_from_zero(scale: float, zero_point: int) -> None:
    halves = (np.arange(-600, 600) / 2 * np.float32(scale)).astype(np.float32)
    values = np.concatenate(
        [
            halves,
            np.nextafter(halves, np.float32(np.inf)),
            np.nextafter(halves, np.float32(-np.inf)),
            np.array([np.inf, -np.inf, 3e38, -3e38, 0.0, -0.0, 1e-40], np.float32),
        ]
    )
    with np.errstate(over="ignore"):
        quotient = (values / np.float32(scale)).astype(np.float64)
    rounded = np.sign(quotient) * np.floor(np.abs(quotient) + 0.5)
    expected = np.clip(rounded + zero_point, -128, 127).astype(np.int8)
    values, expected = np.append(values, np.float32(np.nan)), np.append(expected, np.int8(zero_point))
    run(FloatQuantization(scale, zero_point, "int8"), [values], expected)


def test_integers_become_floats() -> None:
    expected = (EVERY_BYTE.astype(np.float32) + 5) * np.float32(0.037)
    run(Dequantization(float(np.float32(0.037)), -5, "int8"), [EVERY_BYTE], expected)


@given(
    spans=st.tuples(
        *[st.tuples(st.integers(1, 40), st.integers(1, 5), st.integers(0, 5), st.integers(0, 5))] * 2
    )
)
@settings(max_examples=60, deadline=None)
def test_windows_are_copied(spans: tuple[tuple[int, int, int, int], ...]) -> None:
    (rows, stride, before, after), (size, _, left, right) = spans
    outer = Span(before + rows * stride + after, before, rows, stride)
    inner = Span(left + size + right, left, size)
    load = RowCopy.of([outer, inner], 1)
    assert load is not None
    x = np.random.default_rng(0).integers(-128, 128, (outer.extent, inner.extent)).astype(np.int8)
    run(load, [x], take(x, [outer, inner]))

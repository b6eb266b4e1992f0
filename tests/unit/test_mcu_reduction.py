"""Pooling and means by microcontrollers' shared kernels: every byte is the reference's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.compute.column_sum import ColumnSum
from edgekit.compute.fixed_point import Multiplier, scale_integers
from edgekit.compute.pooling import Pooling
from edgekit.schedule.cpu import McuKernel
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.templates.mcu_reduction import shared_kernel
from edgekit.testing.mcu_calls import run_shared
from edgekit.testing.mcu_layers import window_over

if TYPE_CHECKING:
    from numpy.typing import NDArray


def assert_exact(workload: Any, x: NDArray[np.int8], expected: NDArray[np.int8]) -> None:
    """The kernels of every core give the same, apart from their input and where their lead puts it."""
    for core in (McuKernel.DSP, McuKernel.PLAIN):
        shared = shared_kernel(workload, core)
        assert shared is not None, workload
        assert shared.lead_bytes is not None
        scheduled = Scheduled(None, shared=shared)
        for offset in (None, -shared.lead_bytes):
            actual = run_shared(scheduled, [x], [], expected, offset=offset)
            np.testing.assert_array_equal(actual, expected)


def pooled(x: NDArray[np.int8], load: Pooling) -> NDArray[np.int8]:
    """The reference, window by window."""
    out = np.zeros(load.shape, np.int8)
    window = load.window
    for y in range(load.out_height):
        for column in range(load.out_width):
            top, left = y * window.stride_h - window.pad_top, column * window.stride_w - window.pad_left
            inside = x[:, max(0, top) : top + window.kernel_h, max(0, left) : left + window.kernel_w]
            count = inside.shape[1] * inside.shape[2]
            if load.is_average:
                total = inside.astype(np.int64).sum(axis=(1, 2))
                values = np.sign(total) * ((np.abs(total) + count // 2) // count)
            else:
                values = inside.max(axis=(1, 2)).astype(np.int64)
            out[:, y, column] = np.clip(values, load.low, load.high)
    return out


@given(
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    kernel=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    channels=st.integers(4, 13),
    batch=st.integers(1, 2),
    same=st.booleans(),
    is_average=st.booleans(),
    clamped=st.booleans(),
    is_extreme=st.booleans(),
    seed=st.integers(0, 1 << 16),
)
@settings(max_examples=200, deadline=None)
def test_any_window_is_pooled_exactly(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    channels: int,
    batch: int,
    same: bool,
    is_average: bool,
    clamped: bool,
    is_extreme: bool,
    seed: int,
) -> None:
    taps = min(kernel[0], size[0]), min(kernel[1], size[1])
    (out_height, out_width), window = window_over(size, taps, stride, same=same)
    load = Pooling(
        batch=batch,
        height=size[0],
        width=size[1],
        channels=channels,
        out_height=out_height,
        out_width=out_width,
        window=window,
        is_average=is_average,
        low=-100 if clamped else -128,
        high=90 if clamped else 127,
    )
    random = np.random.default_rng(seed)
    values = [-128] if is_extreme else range(-128, 128)
    x = random.choice(np.array(values, np.int8), (batch, *size, channels))
    assert_exact(load, x, pooled(x, load))


@pytest.mark.parametrize(("count", "channels"), [(1, 4), (4, 384), (1764, 16), (255, 5), (256, 7)])
@pytest.mark.parametrize("fill", [None, -128, 127])
def test_means_are_scaled_as_the_reference_does_it(count: int, channels: int, fill: int | None) -> None:
    factor = Multiplier.of(1.37 / count)
    load = ColumnSum(
        count=count, channels=channels, offset=-7 * count, factor=factor, zero_point=-11, bound=256 * count
    )
    x = np.random.default_rng(0).integers(-128, 128, (count, channels)).astype(np.int8)
    x = x if fill is None else np.full_like(x, fill)
    if factor.shift > -1:
        assert shared_kernel(load, McuKernel.DSP) is None
        return
    scaled = scale_integers(x.astype(np.int64).sum(axis=0) + 7 * count, factor) - 11
    assert_exact(load, x, np.clip(scaled, -128, 127).astype(np.int8))

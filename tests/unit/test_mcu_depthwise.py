"""Depthwise convolution by microcontrollers' shared kernels: every output byte is the reference's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.compute.convolution import Convolution, Window
from edgekit.compute.fixed_point import Multiplier, Requantization, scale_integers
from edgekit.schedule.cpu import CpuClass, McuKernel
from edgekit.schedule.template import NO_PARAMETERS, Job
from edgekit.schedule.templates.mcu_depthwise import MCU_DEPTHWISE
from edgekit.schedule.templates.mcu_depthwise_direct import MCU_DEPTHWISE_DIRECT
from edgekit.schedule.templates.mcu_depthwise_mve import MCU_DEPTHWISE_MVE
from edgekit.schedule.templates.mcu_depthwise_plain import MCU_DEPTHWISE_PLAIN
from edgekit.testing.mcu_calls import run_shared

if TYPE_CHECKING:
    from numpy.typing import NDArray

MVE = CpuClass("mcu-mve", 16, mcu=McuKernel.MVE)  # which has DSP instructions too
TEMPLATES = (MCU_DEPTHWISE, MCU_DEPTHWISE_DIRECT, MCU_DEPTHWISE_MVE, MCU_DEPTHWISE_PLAIN)


def layer(
    size: tuple[int, int],
    channels: int,
    kernel: tuple[int, int],
    *,
    stride: int = 1,
    same: bool = True,
    images: int = 1,
    zero_point: int = -7,
    pad_value: int = 5,
    right: tuple[int, ...] = (6, 7, 9, 5),
    filters: int = 1,
    clamp: tuple[int, int] = (-128, 127),
    dilation: int = 1,
) -> Convolution:
    """A layer with TensorFlow's padding and any factors; `filters` of each channel."""
    outs, pads = [], []
    for length, taps in zip(size, kernel, strict=True):
        reach = (taps - 1) * dilation + 1
        out = -(-length // stride) if same else (length - reach) // stride + 1
        outs.append(out)
        pads.append(max(0, (out - 1) * stride + reach - length) // 2 if same else 0)
    outputs = range(channels * filters)
    factors = tuple(Multiplier((1 << 30) + 40503 * i, -right[i % len(right)]) for i in outputs)
    return Convolution(
        batch=images,
        height=size[0],
        width=size[1],
        in_channels=channels,
        out_height=outs[0],
        out_width=outs[1],
        out_channels=channels * filters,
        window=Window(
            kernel_h=kernel[0],
            kernel_w=kernel[1],
            stride_h=stride,
            stride_w=stride,
            dilation_h=dilation,
            dilation_w=dilation,
            pad_top=pads[0],
            pad_left=pads[1],
        ),
        depthwise=True,
        pad_value=pad_value,
        requantization=Requantization(factors, zero_point, *clamp),
    )


def reference(
    x: NDArray[np.int8], weights: NDArray[np.int8], bias: NDArray[np.int32], load: Convolution
) -> NDArray[np.int8]:
    """The layer in int64, each output by itself."""
    window, how = load.window, load.requantization
    high, wide = window.padded_size(load.out_height, load.out_width)
    plane = np.full(
        (load.batch, high + load.height, wide + load.width, load.in_channels), load.pad_value, np.int64
    )
    plane[:, window.pad_top :, window.pad_left :][:, : load.height, : load.width] = x
    out = np.zeros((load.batch, load.out_height, load.out_width, load.out_channels), np.int64)
    for ky in range(window.kernel_h):
        for kx in range(window.kernel_w):
            taps = plane[:, ky * window.dilation_h :, kx * window.dilation_w :]
            taps = taps[:, :: window.stride_h, :: window.stride_w][:, : load.out_height, : load.out_width]
            taps = np.repeat(taps, load.out_channels // load.in_channels, axis=3)
            out += taps * weights[ky, kx].astype(np.int64)
    out += bias
    for channel, factor in enumerate(how.factors):
        out[..., channel] = scale_integers(out[..., channel], factor)
    return np.clip(out + how.zero_point, how.low, how.high).astype(np.int8)


def assert_exact(load: Convolution, seed: int = 0, *, extreme: bool = False) -> None:
    """The kernel gives the reference's bytes, apart from its input and in its place."""
    random = np.random.default_rng(seed)
    window = load.window
    shape = (window.kernel_h, window.kernel_w, load.out_channels)
    ends = np.array([-128, 127], np.int8)
    weights = random.choice(ends, shape) if extreme else random.integers(-128, 128, shape).astype(np.int8)
    in_shape = (load.batch, load.height, load.width, load.in_channels)
    x = random.choice(ends, in_shape) if extreme else random.integers(-128, 128, in_shape).astype(np.int8)
    bias = random.integers(-20000, 20000, load.out_channels).astype(np.int32)
    how = load.requantization
    constants = (weights, bias, how.multipliers, how.shifts)
    job = Job(kind="depthwise", workload=load, function=None, constants=(constants,))
    expected = reference(x, weights, bias, load)
    fitting = [template for template in TEMPLATES if template.fits(job, MVE)]
    assert fitting, load
    for template in fitting:
        scheduled = template.apply(job, MVE, NO_PARAMETERS)
        assert scheduled.shared is not None
        offsets: list[int | None] = [None]
        if scheduled.shared.works_in_place:
            offsets.append(0)
        if scheduled.shared.lead_bytes is not None:
            offsets.append(-scheduled.shared.lead_bytes)
        for offset in offsets:
            actual = run_shared(scheduled, [x], constants, expected, offset=offset)
            np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(1, 2), (2, 1), (2, 2), (3, 3), (4, 4), (25, 5), (6, 7), (13, 9), (9, 16)])
@pytest.mark.parametrize("channels", [4, 8, 11])
def test_3x3_windows_of_any_plane_are_exact(size: tuple[int, int], stride: int, channels: int) -> None:
    assert_exact(layer(size, channels, (3, 3), stride=stride))


@pytest.mark.parametrize("taps", [2, 3, 5, 7, 8, 9, 10, 13, 17, 21])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("length", [2, 3, 7, 30, 59])
def test_windows_along_one_axis_are_exact(taps: int, stride: int, length: int) -> None:
    assert_exact(layer((length, 1), 8, (taps, 1), stride=stride))
    assert_exact(layer((1, length), 6, (1, taps), stride=stride))


@given(
    size=st.tuples(st.integers(1, 14), st.integers(1, 14)),
    kernel=st.tuples(st.integers(1, 7), st.integers(1, 9)),
    channels=st.integers(1, 13),
    filters=st.sampled_from((1, 1, 2, 5)),
    stride=st.integers(1, 2),
    dilation=st.sampled_from((1, 1, 2)),
    same=st.booleans(),
    images=st.integers(1, 2),
    zero_point=st.integers(-128, 127),
    pad_value=st.integers(-128, 127),
    right=st.lists(st.integers(-1, 23), min_size=1, max_size=5),
    clamp=st.sampled_from(((-128, 127), (-128, 127), (-90, 127), (-128, 60), (-7, 31))),
    seed=st.integers(0, 1 << 16),
    extreme=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_any_layer_is_exact(
    size: tuple[int, int],
    kernel: tuple[int, int],
    channels: int,
    filters: int,
    stride: int,
    dilation: int,
    same: bool,
    images: int,
    zero_point: int,
    pad_value: int,
    right: list[int],
    clamp: tuple[int, int],
    seed: int,
    extreme: bool,
) -> None:
    if not same:
        dilation = 1
        kernel = min(kernel[0], size[0]), min(kernel[1], size[1])
    load = layer(
        size,
        channels,
        kernel,
        stride=stride,
        same=same,
        images=images,
        zero_point=zero_point,
        pad_value=pad_value,
        right=tuple(right),
        filters=filters,
        clamp=clamp,
        dilation=dilation,
    )
    assert_exact(load, seed, extreme=extreme)

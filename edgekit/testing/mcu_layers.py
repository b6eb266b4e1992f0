"""Random convolutions for microcontrollers' shared kernels, and the check of a template by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.compute.convolution import Convolution, Window
from edgekit.compute.fixed_point import Multiplier, Requantization
from edgekit.schedule.cpu import CpuClass, McuKernel
from edgekit.schedule.template import Job
from edgekit.testing.int8 import assert_same_bits
from edgekit.testing.mcu_calls import run_shared
from edgekit.testing.mcu_cases import convolution_reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.schedule.template import Template

DSP, MVE, PLAIN = (
    CpuClass(f"mcu-{kernel}", 6, mcu=kernel) for kernel in (McuKernel.DSP, McuKernel.MVE, McuKernel.PLAIN)
)


def window_over(
    size: tuple[int, int],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int] = (1, 1),
    *,
    same: bool,
) -> tuple[tuple[int, int], Window]:
    """A window with TensorFlow's padding, SAME or VALID, and height and width of what it gives."""
    outs, pads = [], []
    for length, taps, stride, dilation in zip(size, kernel, strides, dilations, strict=True):
        reach = (taps - 1) * dilation + 1
        out = -(-length // stride) if same else (length - reach) // stride + 1
        outs.append(out)
        pads.append(max(0, (out - 1) * stride + reach - length) // 2 if same else 0)
    window = Window(
        kernel_h=kernel[0],
        kernel_w=kernel[1],
        stride_h=strides[0],
        stride_w=strides[1],
        dilation_h=dilations[0],
        dilation_w=dilations[1],
        pad_top=pads[0],
        pad_left=pads[1],
    )
    return (outs[0], outs[1]), window


def layer(
    size: tuple[int, int],
    channels: tuple[int, int],
    kernel: tuple[int, int] = (1, 1),
    *,
    strides: tuple[int, int] = (1, 1),
    dilations: tuple[int, int] = (1, 1),
    same: bool = False,
    images: int = 1,
    zero_point: int = -7,
    pad_value: int = 5,
    clamp: tuple[int, int] = (-128, 127),
) -> Convolution:
    """A layer with TensorFlow's padding. Its factors come with its constants."""
    (out_height, out_width), window = window_over(size, kernel, strides, dilations, same=same)
    return Convolution(
        batch=images,
        height=size[0],
        width=size[1],
        in_channels=channels[0],
        out_height=out_height,
        out_width=out_width,
        out_channels=channels[1],
        window=window,
        pad_value=pad_value,
        requantization=Requantization((Multiplier(1 << 30, -8),), zero_point, *clamp),
    )


def constants_of(load: Convolution, seed: int, *, dead: float = 0.0) -> tuple[NDArray[Any], ...]:
    """Random weights, bias, multipliers and shifts; some channels dead, as converters leave them."""
    random = np.random.default_rng(seed)
    window, channels = load.window, load.out_channels
    shape = (channels, window.kernel_h, window.kernel_w, load.in_channels)
    weights = random.integers(-127, 127, shape, endpoint=True).astype(np.int8)
    taps = window.kernel_h * window.kernel_w * load.in_channels
    usual = int(np.log2(taps * 40))
    bias = random.integers(-20_000, 20_000, channels)
    multiplier = random.integers(1 << 30, 1 << 31, channels)
    shift = -random.integers(max(1, usual - 3), usual + 3, channels)
    for channel in np.flatnonzero(random.random(channels) < dead):
        weights[channel] //= 64
        bias[channel] = random.choice([1 << 30, -(1 << 30)])
        shift[channel] = -random.integers(29, 32)
        if random.random() < 0.3:
            multiplier[channel] = shift[channel] = 0
    return weights, bias.astype(np.int32), multiplier.astype(np.int32), shift.astype(np.int32)


def job_of(load: Convolution, constants: tuple[NDArray[Any], ...]) -> Job:
    """What the template is asked about."""
    return Job(kind="convolution", workload=load, function=None, constants=(constants,))


def check(
    template: Template, cpu: CpuClass, load: Convolution, constants: tuple[NDArray[Any], ...], seed: int = 0
) -> None:
    """The kernel must give the reference's bytes, with its output apart and with it as near as it may be."""
    shape = (load.batch, load.height, load.width, load.in_channels)
    x = np.random.default_rng(seed).integers(-128, 127, shape, endpoint=True).astype(np.int8)
    job = job_of(load, constants)
    assert template.fits(job, cpu)
    scheduled = template.apply(job, cpu, template.space(job, cpu)[0])
    expected = convolution_reference(x, constants, load)
    assert scheduled.shared is not None
    assert_same_bits(run_shared(scheduled, [x], constants, np.zeros_like(expected)), expected)
    lead = scheduled.shared.lead_bytes
    assert lead is not None
    near = run_shared(scheduled, [x], constants, np.zeros_like(expected), offset=-lead)
    assert_same_bits(near, expected, "overlapping output")

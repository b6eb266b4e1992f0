"""Depthwise convolution on microcontrollers, window by window: by kernels/mcu/depthwise_direct.c.

For layers of one output pixel, as streaming networks have them, and for windows that no other kernel moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.artifacts import SharedKernel
from edgekit.compute.convolution import Convolution
from edgekit.schedule.lead import Step, lead_of_steps
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Job, Parameters, Template, one_point
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.mcu_depthwise import depthwise_table
from edgekit.schedule.tiles import overlapping_starts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edgekit.schedule.cpu import CpuClass

_CHANNELS = 4  # that are computed together


def _is_direct(job: Job, cpu: CpuClass) -> bool:
    if not cpu.has_dsp or not isinstance(job.workload, Convolution):
        return False
    load = flatten_pixels(job.workload)
    return (
        load.depthwise
        and load.reads_input
        and load.in_channels == load.out_channels >= _CHANNELS
        and all(depthwise_table(constants, load) is not None for constants in job.constants)
    )


def _is_one_pixel(job: Job, cpu: CpuClass) -> bool:
    return _is_direct(job, cpu) and job.workload.out_height * job.workload.out_width == 1


def _apply(job: Job, _cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)

    def merge(constants: tuple[NDArray[np.int8], ...]) -> tuple[NDArray[np.int32], ...]:
        table = depthwise_table(constants, load)
        assert table is not None
        return _pack(table.weights, load), table.entries.reshape(-1)

    return Scheduled(
        None,
        shared=SharedKernel(
            function="ek_depthwise_direct",
            struct="ek_depthwise_direct_layer",
            fields=_fields(load),
            sources=("depthwise_direct.c",),
            header="depthwise.h",
            lead_bytes=lead_of_steps(_lead_steps(load)),
        ),
        merge=merge,
    )


MCU_DEPTHWISE_PIXEL = Template(
    name="mcu_depthwise_pixel", kind="depthwise", version=1, fits=_is_one_pixel, space=one_point, apply=_apply
)
MCU_DEPTHWISE_DIRECT = Template(
    name="mcu_depthwise_direct", kind="depthwise", version=1, fits=_is_direct, space=one_point, apply=_apply
)


def _fields(load: Convolution) -> dict[str, int]:
    window, channels = load.window, load.in_channels
    row = load.width * channels
    return {
        "images": load.batch,
        "image_bytes": load.height * row,
        "channels": channels,
        "out_height": load.out_height,
        "out_width": load.out_width,
        "kernel_h": window.kernel_h,
        "kernel_w": window.kernel_w,
        "window_row_step": window.stride_h * row,
        "window_step": window.stride_w * channels,
        "tap_row_step": window.dilation_h * row,
        "tap_step": window.dilation_w * channels,
        "low": load.requantization.low,
        "high": load.requantization.high,
    }


def _pack(weights: NDArray[np.int8], load: Convolution) -> NDArray[np.int32]:
    """[channel, tap] to [four channels, row, two taps, two channels, tap, channel]."""
    window, channels = load.window, load.in_channels
    rows = weights.reshape(channels, window.kernel_h, window.kernel_w)
    rows = np.pad(rows, ((0, 0), (0, 0), (0, window.kernel_w % 2)))
    blocks = [rows[start : start + _CHANNELS] for start in overlapping_starts(channels, _CHANNELS)]
    taps = np.stack(blocks).reshape(len(blocks), 2, 2, window.kernel_h, -1, 2)
    return np.ascontiguousarray(taps.transpose(0, 3, 4, 1, 5, 2)).reshape(-1).view("<i4")


def _lead_steps(load: Convolution) -> Iterator[Step]:
    """As if each pixel were written before it is read: its channels are written four by four."""
    window, channels, pixel = load.window, load.in_channels, 0
    for image in range(load.batch):
        for y in range(load.out_height):
            for x in range(load.out_width):
                pixel += 1
                yield Step(None, pixel * channels)
                row = image * load.height + y * window.stride_h
                yield Step((row * load.width + x * window.stride_w) * channels, 0)

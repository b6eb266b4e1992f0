"""Depthwise convolution on microcontrollers with vectors: by kernels/mcu/depthwise_mve.c."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.artifacts import SharedKernel
from edgekit.compute.convolution import Convolution
from edgekit.schedule.cpu import McuKernel
from edgekit.schedule.lead import Step, lead_of_steps
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Job, Parameters, Template, one_point
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.mcu_depthwise import depthwise_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edgekit.schedule.cpu import CpuClass
    from edgekit.schedule.templates.mcu_channels import ChannelTable

_VECTOR = 8  # channels
_TAP_BYTES = 4  # of the list of them
_INT16_LIMIT = 1 << 15
_NEARLY_ONE = (1 << 31) - 1  # a multiplier that leaves small numbers as they are


def _fits(job: Job, cpu: CpuClass) -> bool:
    if cpu.mcu is not McuKernel.MVE or not isinstance(job.workload, Convolution):
        return False
    load = flatten_pixels(job.workload)
    how = load.requantization
    return (
        load.depthwise
        and load.in_channels == load.out_channels >= _VECTOR
        and (how.low, how.high) == (-128, 127)
        and max(_fields(load).values()) < _INT16_LIMIT
        and all(depthwise_table(constants, load) is not None for constants in job.constants)
    )


def _apply(job: Job, _cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)

    def merge(constants: tuple[NDArray[np.int8], ...]) -> tuple[NDArray[np.int32], ...]:
        table = depthwise_table(constants, load)
        assert table is not None
        return _pack_weights(table, load), _pack_scales(table, load)

    return Scheduled(
        None,
        shared=SharedKernel(
            function="ek_depthwise_mve",
            struct="ek_depthwise_mve_layer",
            fields=_fields(load),
            sources=("depthwise_mve.c",),
            header="depthwise.h",
            scratch_bytes=_TAP_BYTES * load.window.kernel_h * load.window.kernel_w + load.in_channels,
            lead_bytes=lead_of_steps(_steps(load)),
        ),
        merge=merge,
    )


MCU_DEPTHWISE_MVE = Template(
    name="mcu_depthwise_mve", kind="depthwise", version=1, fits=_fits, space=one_point, apply=_apply
)


def _fields(load: Convolution) -> dict[str, int]:
    window = load.window
    return {
        "images": load.batch,
        "height": load.height,
        "width": load.width,
        "channels": load.in_channels,
        "out_height": load.out_height,
        "out_width": load.out_width,
        "kernel_h": window.kernel_h,
        "kernel_w": window.kernel_w,
        "stride_h": window.stride_h,
        "stride_w": window.stride_w,
        "dilation_h": window.dilation_h,
        "dilation_w": window.dilation_w,
        "pad_top": window.pad_top,
        "pad_left": window.pad_left,
        "pad_value": load.pad_value,
        "zero_point": load.requantization.zero_point,
    }


def _blocks(channels: int) -> list[slice]:
    """The channels of each vector; the last ones overlap those before."""
    starts = (min(start, channels - _VECTOR) for start in range(0, channels, _VECTOR))
    return [slice(start, start + _VECTOR) for start in starts]


def _pack_weights(table: ChannelTable, load: Convolution) -> NDArray[np.int32]:
    """[channel, tap] to [vector, tap, channel]."""
    taps = [table.weights[block].T for block in _blocks(load.in_channels)]
    return np.ascontiguousarray(np.stack(taps)).reshape(-1).view("<i4")


def _pack_scales(table: ChannelTable, load: Convolution) -> NDArray[np.int32]:
    """[channel, entry] to [vector, bias or multiplier or shift, even or odd, channel]."""
    twice_bias, multiplier, rounding, right = table.entries.T
    # Channels of one output alone have it in the rounding, which vectors do not add.
    is_constant = multiplier == 0
    constant = (rounding >> right) - load.requantization.zero_point
    scales = np.stack(
        [
            np.where(is_constant, 2 * constant, twice_bias // 2),
            np.where(is_constant, _NEARLY_ONE, multiplier),
            np.where(is_constant, -1, -right),
        ]
    )
    blocks = [scales[:, block].reshape(3, -1, 2).transpose(0, 2, 1) for block in _blocks(load.in_channels)]
    return np.stack(blocks).astype(np.int32).reshape(-1)


def _steps(load: Convolution) -> Iterator[Step]:
    """As if each pixel were written before it is read: it is written one vector after the other."""
    window, channels, pixel = load.window, load.in_channels, 0
    for image in range(load.batch):
        for y in range(load.out_height):
            row = _first(y * window.stride_h - window.pad_top, window.dilation_h)
            for x in range(load.out_width):
                column = _first(x * window.stride_w - window.pad_left, window.dilation_w)
                pixel += 1
                yield Step(None, pixel * channels)
                yield Step(((image * load.height + row) * load.width + column) * channels, 0)


def _first(start: int, dilation: int) -> int:
    """A position that is no further than the first tap inside the plane."""
    return start if start >= 0 else start % dilation

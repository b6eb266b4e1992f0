"""Depthwise convolution on microcontrollers with vectors: by kernels/mcu/depthwise_mve.c."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.compute.convolution import Convolution
from edgekit.schedule.cpu import McuKernel
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Job, Parameters, Template, one_point
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.mcu_depthwise import depthwise_table
from edgekit.schedule.templates.mcu_depthwise_plain import INT16_LIMIT, by_windows, window_fields
from edgekit.schedule.tiles import overlapping_starts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.schedule.cpu import CpuClass
    from edgekit.schedule.templates.mcu_channels import ChannelTable

_VECTOR = 8  # channels
_NEARLY_ONE = (1 << 31) - 1  # a multiplier that leaves small numbers as they are


def _fits(job: Job, cpu: CpuClass) -> bool:
    if cpu.mcu is not McuKernel.MVE or not isinstance(job.workload, Convolution):
        return False
    load = flatten_pixels(job.workload)
    return (
        load.depthwise
        and load.in_channels == load.out_channels >= _VECTOR
        and max(window_fields(load).values()) < INT16_LIMIT
        and all(depthwise_table(constants, load) is not None for constants in job.constants)
    )


def _apply(job: Job, _cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)

    def merge(constants: tuple[NDArray[np.int8], ...]) -> tuple[NDArray[np.int32], ...]:
        table = depthwise_table(constants, load)
        assert table is not None
        return _pack_weights(table, load), _pack_scales(table, load)

    return Scheduled(None, shared=by_windows("depthwise_mve", "depthwise_mve.c", load), merge=merge)


MCU_DEPTHWISE_MVE = Template(
    name="mcu_depthwise_mve", kind="depthwise", version=1, fits=_fits, space=one_point, apply=_apply
)


def _blocks(channels: int) -> list[slice]:
    """The channels of each vector; the last ones overlap those before."""
    return [slice(start, start + _VECTOR) for start in overlapping_starts(channels, _VECTOR)]


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

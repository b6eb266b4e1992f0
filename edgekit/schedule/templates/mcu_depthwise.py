"""Depthwise convolution on microcontrollers with DSP instructions: by kernels/mcu/depthwise_planes.c."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.artifacts import SharedKernel
from edgekit.compute.convolution import Convolution
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Job, Parameters, Template, one_point
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.mcu_channels import ChannelTable, channel_table
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.schedule.cpu import CpuClass

_PLANES = 4  # channels that are computed together
_MOST_ROWS = 7  # EK_MOST_ROWS
_TILE = 4  # outputs
_TURN_STEPS = 4  # of a row that is computed by fours
_TABLE_3X3_WORDS = 15  # of ek_table_3x3
_TABLE_EXTRA_WORDS = 8  # EK_TABLE_EXTRA
_WORD_BYTES = 4
_INT16_LIMIT = 1 << 15


def _fits(job: Job, cpu: CpuClass) -> bool:
    load = job.workload
    if not cpu.has_dsp or not isinstance(load, Convolution):
        return False
    load = flatten_pixels(load)
    window = load.window
    return (
        load.depthwise
        and load.in_channels == load.out_channels >= _PLANES
        and window.stride_w in (1, 2)
        and (window.stride_h == window.stride_w or load.out_height == 1)
        and window.dilation_h == window.dilation_w == 1
        and window.kernel_h <= _MOST_ROWS
        and max(_fields(load).values()) < _INT16_LIMIT
        and all(depthwise_table(constants, load) is not None for constants in job.constants)
    )


def _apply(job: Job, _cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)

    def merge(constants: tuple[NDArray[np.int8], ...]) -> tuple[NDArray[np.int32], ...]:
        table = depthwise_table(constants, load)
        assert table is not None
        return _pack(table.weights, load), table.entries.reshape(-1)

    fields = _fields(load)
    if _is_3x3(load):
        name, table_words = "depthwise_3x3", _TABLE_3X3_WORDS
        rows = 4 if load.window.stride_w == 1 else 3
    else:
        name, rows = "depthwise_planes", load.window.kernel_h
        table_words = _TABLE_EXTRA_WORDS + 2 * load.window.kernel_h * fields["steps"]
    return Scheduled(
        None,
        shared=SharedKernel(
            function=f"ek_{name}",
            struct="ek_depthwise_layer",
            fields=fields,
            sources=(f"{name}.c",),
            header="depthwise.h",
            scratch_bytes=_PLANES * _WORD_BYTES * (table_words + rows * fields["row_words"]),
            works_in_place=load.out_height * load.out_width <= load.height * load.width,
        ),
        merge=merge,
    )


MCU_DEPTHWISE = Template(
    name="mcu_depthwise_planes", kind="depthwise", version=1, fits=_fits, space=one_point, apply=_apply
)


def depthwise_table(constants: tuple[NDArray[np.int8], ...], load: Convolution) -> ChannelTable | None:
    """How a call's channels are scaled, with its weights [channel, tap]; None if the kernels cannot."""
    weights, bias, multiplier, shift = constants
    by_channel = weights.reshape(-1, load.out_channels).T
    return channel_table(np.ascontiguousarray(by_channel), bias, multiplier, shift, load.requantization)


def _is_3x3(load: Convolution) -> bool:
    window = load.window
    return window.kernel_h == window.kernel_w == 3 and max(window.pad_left, window.pad_top) <= 1


def _steps(load: Convolution) -> int:
    """Pairs of taps after the first. Rows that are computed by fours have whole turns of them."""
    steps = max(1, load.window.kernel_w // 2)
    by_fours = load.window.kernel_h == 1 and load.out_width >= _TILE - 1
    return round_up(steps, _TURN_STEPS) if by_fours and steps >= _TURN_STEPS - 1 else steps


def _pack(weights: NDArray[np.int8], load: Convolution) -> NDArray[np.int32]:
    """[channel, tap] to words [channel, row, step] of taps 2 step, 2 step + 1, 2 step + 1 and 2 step + 2."""
    window, steps = load.window, _steps(load)
    rows = weights.reshape(load.out_channels, window.kernel_h, window.kernel_w)
    padded = np.pad(rows, ((0, 0), (0, 0), (0, 2 * steps + 1 - window.kernel_w)))
    first, middle, last = padded[:, :, :-1:2], padded[:, :, 1::2], padded[:, :, 2::2]
    taps = np.stack([first, middle, middle, last], axis=-1)
    return np.ascontiguousarray(taps).view("<i4").reshape(-1)


def _fields(load: Convolution) -> dict[str, int]:
    window, steps = load.window, _steps(load)
    # The last tile of a row may compute one output too many.
    read_words = (round_up(load.out_width, 2) // 2) * window.stride_w + steps
    given_words = (window.pad_left + load.width + 1) // 2
    return {
        "images": load.batch,
        "height": load.height,
        "width": load.width,
        "channels": load.in_channels,
        "out_height": load.out_height,
        "out_width": load.out_width,
        "kernel_h": window.kernel_h,
        "steps": steps,
        "row_words": max(read_words, given_words),
        "stride": window.stride_w,
        "pad_top": window.pad_top,
        "pad_left": window.pad_left,
        "pad_value": load.pad_value,
        "low": load.requantization.low,
        "high": load.requantization.high,
    }

"""Depthwise convolution on any microcontroller: by kernels/mcu/depthwise_plain.c.

It scales any sum by any factor, and computes several filters of a channel: on cores with DSP instructions it
is for what other kernels refuse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.artifacts import SharedKernel
from edgekit.compute.convolution import Convolution
from edgekit.schedule.lead import lead_of_steps
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Job, Parameters, Template, one_point
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.mcu_depthwise import depthwise_table
from edgekit.schedule.templates.mcu_windows import steps_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.schedule.cpu import CpuClass

INT16_LIMIT = 1 << 15  # of the fields
_CHANNELS = 4  # that are computed together
_TAP_BYTES = 4  # of the list of them


def window_fields(load: Convolution) -> dict[str, int]:
    """The fields of `ek_depthwise_window_layer`."""
    window, how = load.window, load.requantization
    return {
        "images": load.batch,
        "height": load.height,
        "width": load.width,
        "channels": load.in_channels,
        "filters": load.out_channels // load.in_channels,
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
        "zero_point": how.zero_point,
        "low": how.low,
        "high": how.high,
    }


def by_windows(name: str, source: str, load: Convolution) -> SharedKernel:
    """A kernel that computes all channels of a pixel before the next: see depthwise_windows.h."""
    # As if each pixel were written before it is read: its channels are written one after the other.
    lead = lead_of_steps(step for step in steps_of(load, 1) for _ in ("written", "read"))
    return SharedKernel(
        function=f"ek_{name}",
        struct="ek_depthwise_window_layer",
        fields=window_fields(load),
        sources=(source,),
        header="depthwise.h",
        scratch_bytes=_TAP_BYTES * load.window.kernel_h * load.window.kernel_w + load.in_channels,
        lead_bytes=lead,
    )


def _fits(job: Job, cpu: CpuClass) -> bool:
    load = job.workload
    return (
        cpu.mcu is not None
        and isinstance(load, Convolution)
        and load.depthwise
        and max(window_fields(flatten_pixels(load)).values()) < INT16_LIMIT
    )


def _apply(job: Job, _cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)
    is_quick = all(depthwise_table(constants, load) is not None for constants in job.constants)

    def merge(constants: tuple[NDArray[Any], ...]) -> tuple[NDArray[Any], ...]:
        table = depthwise_table(constants, load) if is_quick else None
        if table is not None:
            return _pack(table.weights, load), table.entries.reshape(-1)
        weights, *factors = constants
        by_filter = weights.reshape(-1, load.out_channels).T
        return _pack(by_filter, load), np.stack(factors, axis=1).astype(np.int32).reshape(-1)

    name = "depthwise_plain" if is_quick else "depthwise_any"
    return Scheduled(None, shared=by_windows(name, "depthwise_plain.c", load), merge=merge)


MCU_DEPTHWISE_PLAIN = Template(
    name="mcu_depthwise_plain", kind="depthwise", version=1, fits=_fits, space=one_point, apply=_apply
)


def _pack(by_filter: NDArray[np.int8], load: Convolution) -> NDArray[np.int8]:
    """[filter, tap] to [four filters, tap, filter]; what is left over, or several of a channel, as it is."""
    filters, taps = by_filter.shape
    fours = filters // _CHANNELS if load.in_channels == filters else 0
    first, rest = by_filter[: fours * _CHANNELS], by_filter[fours * _CHANNELS :]
    mixed = first.reshape(fours, _CHANNELS, taps).transpose(0, 2, 1)
    return np.concatenate([mixed.reshape(-1), rest.reshape(-1)])

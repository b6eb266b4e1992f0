"""Convolution and matrix times vector on any microcontroller: by convolution_plain.c and dense_plain.c.

They scale any sum by any factor: on cores with DSP instructions they are for what other kernels refuse.
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
from edgekit.schedule.templates.mcu_dense import dense_fields, is_dense, lead_by_outputs
from edgekit.schedule.templates.mcu_windows import fields_fit, is_direct, layer_fields, steps_of
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.schedule.cpu import CpuClass

_PIXELS, _CHANNELS = 2, 2  # of a convolution's tile
_OUTPUTS = 4  # of a vector's


def _fits_convolution(job: Job, cpu: CpuClass) -> bool:
    load = job.workload
    return (
        cpu.mcu is not None
        and isinstance(load, Convolution)
        and load.groups == 1
        and fields_fit(flatten_pixels(load))
    )


def _apply_convolution(job: Job, _cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)
    taps = load.window.kernel_h * load.window.kernel_w * load.in_channels
    # What is not gathered is read anew after channels of the same pixels have been written.
    readings = 2 if is_direct(load) else 1
    return Scheduled(
        None,
        shared=SharedKernel(
            function="ek_convolution_plain",
            struct="ek_convolution_layer",
            fields=layer_fields(load),
            sources=("convolution_plain.c",),
            header="convolution.h",
            # The function takes it in any case: a byte that it does not use.
            scratch_bytes=1 if is_direct(load) else _PIXELS * taps,
            lead_bytes=lead_of_steps(step for step in steps_of(load, _PIXELS) for _ in range(readings)),
        ),
        merge=lambda constants: _pack(constants, _CHANNELS),
    )


def _fits_dense(job: Job, cpu: CpuClass) -> bool:
    return cpu.mcu is not None and is_dense(job)


def _apply_dense(job: Job, _cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    load = job.workload
    return Scheduled(
        None,
        shared=SharedKernel(
            function="ek_dense_plain",
            struct="ek_dense_layer",
            fields=dense_fields(load),
            sources=("dense_plain.c",),
            header="dense.h",
            lead_bytes=lead_by_outputs(load),
        ),
        merge=lambda constants: _pack(constants, _OUTPUTS),
    )


MCU_CONVOLUTION_PLAIN = Template(
    name="mcu_convolution_plain",
    kind="convolution",
    version=1,
    fits=_fits_convolution,
    space=one_point,
    apply=_apply_convolution,
)
MCU_DENSE_PLAIN = Template(
    name="mcu_dense_plain",
    kind="convolution",
    version=1,
    fits=_fits_dense,
    space=one_point,
    apply=_apply_dense,
)


def _pack(constants: tuple[NDArray[Any], ...], together: int) -> tuple[NDArray[Any], ...]:
    """Weights [group, tap, channel of so many], filled up with zeros; then each bias, multiplier, shift."""
    weights, *factors = constants
    channels = len(weights)
    flat = weights.reshape(channels, -1)
    groups = round_up(channels, together) // together
    padded = np.pad(flat, ((0, groups * together - channels), (0, 0)))
    mixed = padded.reshape(groups, together, -1).transpose(0, 2, 1)
    return np.ascontiguousarray(mixed).reshape(-1), np.stack(factors, axis=1).astype(np.int32).reshape(-1)

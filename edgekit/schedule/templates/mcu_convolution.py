"""Convolution on microcontrollers: by kernels/mcu/convolution_dsp.c, or with vectors by convolution_mve.c."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekit.artifacts import SharedKernel
from edgekit.compute.convolution import Convolution
from edgekit.schedule.cpu import McuKernel
from edgekit.schedule.lead import lead_of_steps
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Job, Parameters, Template, one_point
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.mcu_pairs import pack_pairs, pair_table
from edgekit.schedule.templates.mcu_vectors import pack_vectors, sums_bytes, vector_table
from edgekit.schedule.templates.mcu_windows import (
    PIXELS,
    fields_fit,
    is_direct,
    layer_fields,
    pad_runs,
    padded_run_bytes,
    padded_taps,
    steps_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from edgekit.compute.fixed_point import Requantization
    from edgekit.schedule.cpu import CpuClass
    from edgekit.schedule.templates.mcu_channels import ChannelTable

    Tabulate = Callable[[tuple[NDArray[Any], ...], Requantization], ChannelTable | None]

_TILES_BYTES = 52  # sizeof(ek_tiles)


def _fits_dsp(job: Job, cpu: CpuClass) -> bool:
    return cpu.has_dsp and _fits(job, pair_table)


def _fits_mve(job: Job, cpu: CpuClass) -> bool:
    return cpu.mcu is McuKernel.MVE and _fits(job, vector_table)


def _fits(job: Job, tabulate: Tabulate) -> bool:
    load = job.workload
    return (
        isinstance(load, Convolution)
        and load.groups == 1
        and fields_fit(flatten_pixels(load))
        and all(tabulate(constants, load.requantization) is not None for constants in job.constants)
    )


def _apply_dsp(job: Job, _cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)

    def merge(constants: tuple[NDArray[Any], ...]) -> tuple[NDArray[np.int32], ...]:
        table = pair_table(constants, load.requantization)
        assert table is not None
        return (pack_pairs(pad_runs(table.weights, load), table.entries),)

    patch = 2 * PIXELS * padded_taps(load)
    scratch_bytes = patch + _TILES_BYTES + padded_run_bytes(load)
    return Scheduled(None, shared=_kernel(load, "dsp", scratch_bytes), merge=merge)


def _apply_mve(job: Job, _cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)

    def merge(constants: tuple[NDArray[Any], ...]) -> tuple[NDArray[np.int32], ...]:
        table = vector_table(constants, load.requantization)
        assert table is not None
        return (pack_vectors(table),)

    patch = 0 if is_direct(load) else PIXELS * padded_taps(load)
    return Scheduled(None, shared=_kernel(load, "mve", patch + sums_bytes(load.out_channels)), merge=merge)


def _kernel(load: Convolution, instance: str, scratch_bytes: int) -> SharedKernel:
    return SharedKernel(
        function=f"ek_convolution_{instance}",
        struct="ek_convolution_layer",
        fields=layer_fields(load, reads_words=instance == "dsp"),
        sources=(f"convolution_{instance}.c",),
        header="convolution.h",
        scratch_bytes=scratch_bytes,
        lead_bytes=lead_of_steps(steps_of(load)),
    )


MCU_CONVOLUTION = Template(
    name="mcu_convolution_dsp",
    kind="convolution",
    version=1,
    fits=_fits_dsp,
    space=one_point,
    apply=_apply_dsp,
)
MCU_CONVOLUTION_MVE = Template(
    name="mcu_convolution_mve",
    kind="convolution",
    version=1,
    fits=_fits_mve,
    space=one_point,
    apply=_apply_mve,
)

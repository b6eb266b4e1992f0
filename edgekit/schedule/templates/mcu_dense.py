"""Matrix times vector on microcontrollers: by kernels/mcu/dense_dsp.c, or with vectors by dense_mve.c.

Fully connected layers, and convolutions of one or two output pixels that read bytes side by side: most of
a tile of three pixels would be computed for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.artifacts import SharedKernel
from edgekit.compute.convolution import Convolution
from edgekit.schedule.cpu import McuKernel
from edgekit.schedule.lead import Step, lead_of_pixels, lead_of_steps
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Job, Parameters, Template, one_point
from edgekit.schedule.templates.mcu_channels import channel_table
from edgekit.schedule.templates.mcu_pairs import pair_words, pairs_fit
from edgekit.schedule.templates.mcu_vectors import pack_vectors, vector_table
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.schedule.cpu import CpuClass
    from edgekit.schedule.templates.mcu_channels import ChannelTable

_CHANNELS, _INPUTS = 4, 8  # of a tile
_MOST_VECTORS = 2
_MOST_INPUTS = 2048  # they are widened, which takes twice the memory
_QUADS_BYTES = 36  # sizeof(ek_quads)
_INT16_LIMIT = 1 << 15


def vectors_of(load: Convolution) -> tuple[int, int, int] | None:
    """A convolution as so many products of vectors: their number, distance in bytes and inputs.

    None unless all that an output pixel reads lies side by side.
    """
    window = load.window
    if load.groups > 1 or not load.reads_input:
        return None
    if load.is_pointwise:
        return load.batch * load.height * load.width, load.in_channels, load.in_channels
    undilated = window.dilation_h == window.dilation_w == 1
    whole_rows = window.kernel_w == load.width or window.kernel_h == 1
    if load.out_height == load.out_width == 1 and undilated and whole_rows:
        inputs = window.kernel_h * window.kernel_w * load.in_channels
        return load.batch, load.height * load.width * load.in_channels, inputs
    return None


def dense_fields(load: Convolution) -> dict[str, int]:
    """The fields of `ek_dense_layer`."""
    found = vectors_of(load)
    assert found is not None
    vectors, vector_bytes, inputs = found
    how = load.requantization
    return {
        "vectors": vectors,
        "vector_bytes": vector_bytes,
        "inputs": inputs,
        "outputs": load.out_channels,
        "zero_point": how.zero_point,
        "low": how.low,
        "high": how.high,
    }


def lead_by_outputs(load: Convolution) -> int:
    """The lead of a kernel that reads a vector anew for each four outputs: see schedule/lead.py."""
    fields = dense_fields(load)
    ends = [*range(_CHANNELS, load.out_channels, _CHANNELS), load.out_channels]
    return lead_of_steps(
        Step(vector * fields["vector_bytes"], vector * load.out_channels + end)
        for vector in range(fields["vectors"])
        for end in ends
    )


def _fits_dsp(job: Job, cpu: CpuClass) -> bool:
    return (
        cpu.has_dsp
        and is_dense(job, _MOST_INPUTS)
        and all(_table(constants, job.workload) is not None for constants in job.constants)
    )


def _fits_mve(job: Job, cpu: CpuClass) -> bool:
    return (
        cpu.mcu is McuKernel.MVE
        and is_dense(job)
        and all(
            vector_table(constants, job.workload.requantization) is not None for constants in job.constants
        )
    )


def is_dense(job: Job, most_inputs: int = _INT16_LIMIT - 1) -> bool:
    """Whether a job is products of a few vectors, with so many inputs at most."""
    load = job.workload
    found = vectors_of(load) if isinstance(load, Convolution) else None
    if found is None or load.out_channels >= _INT16_LIMIT:
        return False
    vectors, _, inputs = found
    return vectors <= _MOST_VECTORS and inputs <= most_inputs


def _apply_dsp(job: Job, _cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    load = job.workload
    fields = dense_fields(load)

    def merge(constants: tuple[NDArray[Any], ...]) -> tuple[NDArray[np.int32], ...]:
        table = _table(constants, load)
        assert table is not None
        return (_pack_quads(table),)

    return Scheduled(
        None,
        shared=SharedKernel(
            function="ek_dense_dsp",
            struct="ek_dense_layer",
            fields=fields,
            sources=("dense_dsp.c",),
            header="dense.h",
            scratch_bytes=2 * round_up(fields["inputs"], _INPUTS) + _QUADS_BYTES,
            lead_bytes=lead_of_pixels(fields["vectors"], fields["vector_bytes"], load.out_channels),
        ),
        merge=merge,
    )


def _apply_mve(job: Job, _cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    load = job.workload
    fields = dense_fields(load)

    def merge(constants: tuple[NDArray[Any], ...]) -> tuple[NDArray[np.int32], ...]:
        table = vector_table(constants, load.requantization)
        assert table is not None
        return (pack_vectors(table, together=_CHANNELS),)

    return Scheduled(
        None,
        shared=SharedKernel(
            function="ek_dense_mve",
            struct="ek_dense_layer",
            fields=fields,
            sources=("dense_mve.c",),
            header="dense.h",
            lead_bytes=lead_by_outputs(load),
        ),
        merge=merge,
    )


MCU_DENSE = Template(
    name="mcu_dense_dsp", kind="convolution", version=1, fits=_fits_dsp, space=one_point, apply=_apply_dsp
)
MCU_DENSE_MVE = Template(
    name="mcu_dense_mve", kind="convolution", version=1, fits=_fits_mve, space=one_point, apply=_apply_mve
)


def _table(constants: tuple[NDArray[Any], ...], load: Convolution) -> ChannelTable | None:
    """A call's channels by fours, or None if the kernel cannot: the last four may overlap those before."""
    weights, bias, multiplier, shift = constants
    table = channel_table(weights.reshape(len(weights), -1), bias, multiplier, shift, load.requantization)
    if table is None:
        return None
    channels = len(weights)
    order = list(range(channels - channels % _CHANNELS))
    if channels % _CHANNELS:
        last = max(0, channels - _CHANNELS)
        order += [min(channel, channels - 1) for channel in range(last, last + _CHANNELS)]
    table = table.take(order)
    return table if pairs_fit(table.weights) else None


def _pack_quads(table: ChannelTable) -> NDArray[np.int32]:
    """Words of each four channels: weights [four inputs, 2, pair], then what scales them."""
    taps = table.weights.shape[1]
    padded = np.pad(table.weights, ((0, 0), (0, -taps % _INPUTS)))
    words = pair_words(padded)
    quads = len(words) // 2
    mixed = words.reshape(quads, 2, -1).transpose(0, 2, 1).reshape(quads, -1)
    return np.hstack([mixed, table.entries.reshape(quads, -1)]).reshape(-1)

"""Convolution on ARM without dot products: by kernels/neon/convolution_row_mlal.S, in int16 products.

It takes no parameters: runs are read where they are, and pixels and channels that fill no tile have tiles of
their own. Where the weights of enough steps are small, a second kernel adds more products in int16.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te

from edgekit.schedule.cpu import RowKernel
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Job, Parameters, Template, one_point
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.convolution_rows import Runs, row_expressions
from edgekit.schedule.templates.neon_runs import is_convolution_by_rows
from edgekit.schedule.templates.padding import vectorize_function_padding
from edgekit.schedule.templates.pair_packing import (
    LANES,
    PAIR,
    STEP,
    long_share,
    pack_long_steps,
    pack_steps,
    table_bytes,
)
from edgekit.schedule.templates.row_form import tile_form

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.cpu import CpuClass

_SUMS_PER_VECTOR = 32  # that a CPU needs room for, to compute a vector of channels of a tile of pixels
# Instructions of a whole tile, of 3 pixels and 16 channels.
_STEP_COST = 78
_LONG_STEP_SAVES = 11
_TABLE_COST = 1  # a step
_RUN_COST = 8  # to go on to the next one
_LEAST_SAVED = 0.02
OVERREAD_BYTES = 1  # where a run ends in half a pair


def _fits(job: Job, cpu: CpuClass) -> bool:
    """Two products of a weight of -128 may not fit the int16 that they are added in."""
    is_safe = job.lowest_weight != -128
    return cpu.row_kernel is RowKernel.MLAL and is_safe and is_convolution_by_rows(job.workload)


def _apply(job: Job, cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)
    vectors = cpu.accumulators // _SUMS_PER_VECTOR
    runs, instance, packer = _runs(load), "mlal", pack_steps
    if cpu.has_long_chains and _pays(job, load, runs, vectors):
        runs = dataclasses.replace(runs, table_bytes=table_bytes(runs) // LANES)
        instance, packer = "mlal_long", pack_long_steps
    function = f"ek_convolution_row_{instance}_{tile_form(load.requantization)}"

    def pad_channels(values: NDArray[Any]) -> NDArray[Any]:
        return np.pad(values, (0, -len(values) % LANES), mode="edge")

    return Scheduled(
        vectorize_function_padding(te.create_prim_func(row_expressions(load, runs, function))),
        {
            1: lambda weights: packer(weights, load, runs, vectors),
            2: pad_channels,
            3: pad_channels,
            4: pad_channels,
        },
        kernels="neon",
        overread_bytes=OVERREAD_BYTES,
    )


MLAL_ROWS = Template(
    name="neon_mlal_rows", kind="convolution", version=4, fits=_fits, space=one_point, apply=_apply
)


def _runs(load: Convolution) -> Runs:
    """What an output pixel reads. Channels are padded to whole vectors."""
    window = load.window
    _, width = load.plane
    return Runs(
        segments=window.kernel_h,
        length=window.kernel_w * load.in_channels,
        stride=width * load.in_channels * window.dilation_h,
        pixel_stride=window.stride_w * load.in_channels,
        unit=PAIR,
        channels=LANES,
    )


def _pays(job: Job, load: Convolution, runs: Runs, vectors: int) -> bool:
    """Whether long steps save more instructions than their table takes, on average over the calls."""
    if not job.weights:
        return False
    share = sum(long_share(weights, load, runs, vectors) for weights in job.weights) / len(job.weights)
    if share == 0:
        return False
    steps = runs.segments * runs.units // STEP
    saved = steps * (share * _LONG_STEP_SAVES - (1 - share) * _TABLE_COST) + (runs.segments - 1) * _RUN_COST
    return saved > _LEAST_SAVED * steps * _STEP_COST

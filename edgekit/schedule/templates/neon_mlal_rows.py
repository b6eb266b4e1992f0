"""Convolution on ARM without dot products: by kernels/neon/convolution_row_mlal.S, in int16 products.

Parameters: `reads`, what the micro-kernel multiplies: `runs` of the input where they are, or `patches` that
are gathered first.

Where the weights of enough steps are small, convolution_row_mlal_long.S adds more products in int16. That is
a template of its own, preferred where it fits, because weights decide whether it does, and not shapes:
records that know `runs` and `patches` alone say nothing against it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tvm import te

from edgekit.schedule.cpu import RowKernel
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Job, Parameters, Template, one_point
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.convolution_patches import gathered, patch_expressions
from edgekit.schedule.templates.convolution_rows import Runs, row_expressions
from edgekit.schedule.templates.micro_kernels import constant_packers
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
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.cpu import CpuClass
    from edgekit.schedule.scheduled import Packer
    from edgekit.schedule.templates.convolution_patches import Patches

_RUNS, _PATCHES = Parameters(reads="runs"), Parameters(reads="patches")
_SUMS_PER_VECTOR = 32  # that a CPU needs room for, to compute a vector of channels of a tile of pixels
# The micro-kernel reads half a pair past a run; gathering copies whole vectors.
OVERREAD_BYTES = 15

# Instructions of a whole tile: of 3 pixels and 16 channels.
_TILE_PIXELS, _TILE_CHANNELS = 3, 16
_STEP_COSTS = {4: 78, 2: 43, 1: 36}  # by the pairs of a step
_RUN_COST = 10  # to go on to the next one
_LONG_STEP_SAVES = 11
_TABLE_COST = 1  # a step
_LEAST_SAVED = 0.02


def _fits(job: Job, cpu: CpuClass) -> bool:
    """Two products of a weight of -128 may not fit the int16 that they are added in."""
    is_safe = job.lowest_weight != -128
    return cpu.row_kernel is RowKernel.MLAL and is_safe and is_convolution_by_rows(job.workload)


def _space(job: Job, _cpu: CpuClass) -> tuple[Parameters, ...]:
    load = flatten_pixels(job.workload)
    runs = _runs(load)
    if runs.segments == 1:
        return (_RUNS,)
    patches = gathered(load, runs)
    blocks = -(-load.out_channels // _TILE_CHANNELS)
    by_patches = blocks * _cost(patches.runs) + _TILE_PIXELS * _gather_cost(patches)
    return (_PATCHES, _RUNS) if by_patches < blocks * _cost(runs) else (_RUNS, _PATCHES)


def _apply(job: Job, cpu: CpuClass, parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)
    runs, vectors = _runs(load), _vectors(cpu)
    function = f"ek_convolution_row_mlal_{tile_form(load.requantization)}"
    if parameters == _PATCHES:
        patches = gathered(load, runs)
        expressions = patch_expressions(load, patches, function)
        return _scheduled(load, expressions, lambda weights: pack_steps(weights, load, patches.runs, vectors))
    expressions = row_expressions(load, runs, function)
    return _scheduled(load, expressions, lambda weights: pack_steps(weights, load, runs, vectors))


def _fits_long(job: Job, cpu: CpuClass) -> bool:
    """Long steps must save more instructions than their table takes."""
    return cpu.has_long_chains and _fits(job, cpu) and _pays(job, flatten_pixels(job.workload), cpu)


def _apply_long(job: Job, cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)
    runs, vectors = _runs(load), _vectors(cpu)
    runs = dataclasses.replace(runs, table_bytes=table_bytes(runs) // LANES)
    function = f"ek_convolution_row_mlal_long_{tile_form(load.requantization)}"
    expressions = row_expressions(load, runs, function)
    return _scheduled(load, expressions, lambda weights: pack_long_steps(weights, load, runs, vectors))


def _scheduled(load: Convolution, expressions: list[te.Tensor], pack: Packer) -> Scheduled:
    return Scheduled(
        vectorize_function_padding(te.create_prim_func(expressions)),
        constant_packers(pack, round_up(load.out_channels, LANES)),
        kernels="neon",
        overread_bytes=OVERREAD_BYTES,
    )


MLAL_ROWS = Template(
    name="neon_mlal_rows", kind="convolution", version=5, fits=_fits, space=_space, apply=_apply
)
MLAL_LONG_ROWS = Template(
    name="neon_mlal_long_rows",
    kind="convolution",
    version=1,
    fits=_fits_long,
    space=one_point,
    apply=_apply_long,
)


def _vectors(cpu: CpuClass) -> int:
    """Of channels, that a tile is wide."""
    return cpu.accumulators // _SUMS_PER_VECTOR


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


def _pays(job: Job, load: Convolution, cpu: CpuClass) -> bool:
    """Whether long steps save more instructions than their table takes, on average over the calls."""
    if not job.weights:
        return False
    runs, vectors = _runs(load), _vectors(cpu)
    share = sum(long_share(weights, load, runs, vectors) for weights in job.weights) / len(job.weights)
    if share == 0:
        return False
    steps = runs.segments * runs.units // STEP
    saved = steps * (share * _LONG_STEP_SAVES - (1 - share) * _TABLE_COST) + (runs.segments - 1) * _RUN_COST
    return saved > _LEAST_SAVED * steps * _STEP_COSTS[STEP]


def _cost(runs: Runs) -> int:
    """Of a tile, but for what all tiles take."""
    whole, rest = divmod(runs.units, STEP)
    per_run = whole * _STEP_COSTS[4] + sum(_STEP_COSTS[pairs] for pairs in (2, 1) if rest & pairs)
    is_one_step = runs.units in (4, 2)  # then all runs are one
    return runs.segments * per_run + (0 if is_one_step else (runs.segments - 1) * _RUN_COST)


def _gather_cost(patches: Patches) -> int:
    """Per pixel."""
    source = patches.source
    return 6 + source.segments * (5 + 4 * -(-source.length // 16))

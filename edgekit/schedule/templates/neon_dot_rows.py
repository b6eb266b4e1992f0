"""Convolution on ARM with dot products: by kernels/neon/convolution_row_dot.S.

Parameters: `reads`, what the micro-kernel multiplies: `runs` of the input where they are, or `patches` that
are gathered first.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te

from edgekit.schedule.cpu import RowKernel
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Job, Parameters, Template
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.convolution_patches import gathered, patch_expressions
from edgekit.schedule.templates.convolution_rows import Runs, pack_weights, row_expressions
from edgekit.schedule.templates.neon_runs import is_convolution_by_rows
from edgekit.schedule.templates.padding import vectorize_function_padding
from edgekit.schedule.templates.row_form import RowForm, narrows_to_int16, row_form

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.compute.convolution import Convolution
    from edgekit.compute.fixed_point import Requantization
    from edgekit.schedule.cpu import CpuClass
    from edgekit.schedule.templates.convolution_patches import Patches

_RUNS, _PATCHES = Parameters(reads="runs"), Parameters(reads="patches")
_UNIT = 4  # bytes
_WIDE, _NARROW = 16, 8  # channels of a tile; a narrow one only where no more are left
_TILE_PIXELS = 4
# The micro-kernel reads no unit past a run; gathering copies whole vectors.
OVERREAD_BYTES = 15


def _fits(job: Job, cpu: CpuClass) -> bool:
    return cpu.row_kernel is RowKernel.DOT and is_convolution_by_rows(job.workload)


def _space(job: Job, _cpu: CpuClass) -> tuple[Parameters, ...]:
    load = flatten_pixels(job.workload)
    runs = _runs(load)
    patches = gathered(load, runs)
    if runs.segments == 1:
        return (_RUNS,)
    blocks = -(-load.out_channels // _WIDE)
    direct = blocks * _row_cost(runs, load.out_width) * load.out_height
    strips = load.out_height // patches.rows
    by_patches = blocks * _row_cost(patches.runs, load.out_width * patches.rows) * strips
    by_patches += _gather_cost(patches) * load.out_height * load.out_width
    return (_PATCHES, _RUNS) if by_patches < direct else (_RUNS, _PATCHES)


def _apply(job: Job, _cpu: CpuClass, parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)
    runs = _runs(load)
    function = f"ek_convolution_row_dot_{_form(load.requantization)}"
    if parameters == _PATCHES:
        patches = gathered(load, runs)
        runs = patches.runs
        expressions = patch_expressions(load, patches, function)
    else:
        expressions = row_expressions(load, runs, function)

    def pad_channels(values: NDArray[Any]) -> NDArray[Any]:
        return np.pad(values, (0, -len(values) % _NARROW), mode="edge")

    return Scheduled(
        vectorize_function_padding(te.create_prim_func(expressions)),
        {
            1: lambda weights: _pack(weights, load, runs),
            2: pad_channels,
            3: pad_channels,
            4: pad_channels,
        },
        kernels="neon",
        overread_bytes=OVERREAD_BYTES,
    )


DOT_ROWS = Template(
    name="neon_dot_rows", kind="convolution", version=1, fits=_fits, space=_space, apply=_apply
)


def _runs(load: Convolution) -> Runs:
    """What an output pixel reads. Channels are padded to whole narrow tiles."""
    window = load.window
    _, width = load.plane
    return Runs(
        segments=window.kernel_h,
        length=window.kernel_w * load.in_channels,
        stride=width * load.in_channels * window.dilation_h,
        pixel_stride=window.stride_w * load.in_channels,
        unit=_UNIT,
        channels=_NARROW,
    )


def _form(how: Requantization) -> str:
    """The cheapest exact one. Here RELU may do without a shift; sums may be too large to narrow plainly."""
    if (how.low, how.high, how.zero_point) == (-128, 127, -128) and not how.form.has_left_shift:
        form = RowForm.RELU
    else:
        form = row_form(how)
    return form if form is RowForm.GENERAL or narrows_to_int16(how) else f"{form}_wide"


def _pack(weights: NDArray[np.int8], load: Convolution, runs: Runs) -> NDArray[np.int8]:
    """Wide blocks, then a narrow one where that holds the rest."""
    rest = load.out_channels % _WIDE
    wide = load.out_channels - rest if rest <= _NARROW else load.out_channels
    packed = []
    for part, channels in ((weights[:wide], _WIDE), (weights[wide:], _NARROW)):
        tile = dataclasses.replace(runs, channels=channels)
        packed.append(pack_weights(part, dataclasses.replace(load, out_channels=len(part)), tile))
    return np.concatenate(packed)


# ------------------------------------------------------------- executed instructions, as counted


def _row_cost(runs: Runs, pixels: int) -> int:
    """Of a call for so many pixels and one wide block of channels."""
    whole, rest = divmod(pixels, _TILE_PIXELS)
    tiles = whole * _tile_cost(runs, _TILE_PIXELS)
    return 50 + tiles + (_tile_cost(runs, rest) if rest else 0)


def _tile_cost(runs: Runs, pixels: int) -> int:
    per_unit = 4 * pixels + 1
    loads = runs.units // 8 + (runs.units % 8).bit_count()  # of each pixel
    per_run = runs.units * per_unit + loads * pixels + 2 * (runs.units // 8) + pixels + 8
    return runs.segments * per_run + 18 * pixels + 10


def _gather_cost(patches: Patches) -> int:
    """Per pixel."""
    source = patches.source
    return 6 + source.segments * (5 + 4 * -(-source.length // 16))

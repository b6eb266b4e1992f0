"""Convolution on ARM with dot products or int8 matrix multiplications: by kernels/neon/convolution_row_*.S.

Parameters: `reads`, what the micro-kernel multiplies: `runs` of the input where they are, `patches` that are
gathered first, or runs of few bytes that it puts together by a `table` lookup (convolution_row_dot_table.S).
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
from edgekit.schedule.templates.row_form import RowForm, tile_form

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.cpu import CpuClass
    from edgekit.schedule.templates.convolution_patches import Patches

_RUNS, _PATCHES, _TABLE = (Parameters(reads=what) for what in ("runs", "patches", "table"))
_WIDE, _NARROW = 16, 8  # channels of a tile; a narrow one only where no more are left
_TILE_PIXELS = 4
_VECTOR_BYTES = 16
# Of the micro-kernel that looks up: rows of the filter, and vectors that all of their bytes fill.
_TABLE_INSTANCES = {(3, 1), (3, 2), (5, 2)}
OVERREAD_BYTES = 15  # gathering copies whole vectors; the micro-kernels read whole units


@dataclasses.dataclass(frozen=True)
class _Kernel:
    """A micro-kernel."""

    name: str
    unit: int  # bytes
    pixels_together: int  # in one instruction
    factor_copies: int


_DOT = _Kernel("dot", unit=4, pixels_together=1, factor_copies=1)
_MMLA = _Kernel("mmla", unit=8, pixels_together=2, factor_copies=2)


def _fits_dot(job: Job, cpu: CpuClass) -> bool:
    return cpu.has_dot_products and is_convolution_by_rows(job.workload)


def _fits_mmla(job: Job, cpu: CpuClass) -> bool:
    """A single pixel would be computed twice."""
    load = job.workload
    if cpu.row_kernel is not RowKernel.MMLA or not is_convolution_by_rows(load):
        return False
    return flatten_pixels(load).out_width >= _MMLA.pixels_together


def _space(load: Convolution, kernel: _Kernel) -> tuple[Parameters, ...]:
    runs = _runs(load, kernel)
    table = (_TABLE,) if kernel is _DOT and _fits_table(load, runs) else ()
    if runs.segments == 1:
        return (_RUNS,)
    patches = gathered(load, runs)
    blocks = -(-load.out_channels // _WIDE)
    direct = blocks * _row_cost(kernel, runs, load.out_width) * load.out_height
    strips = load.out_height // patches.rows
    by_patches = blocks * _row_cost(kernel, patches.runs, load.out_width * patches.rows) * strips
    by_patches += _gather_cost(patches) * load.out_height * load.out_width
    return (*table, _PATCHES, _RUNS) if by_patches < direct else (*table, _RUNS, _PATCHES)


def _fits_table(load: Convolution, runs: Runs) -> bool:
    """Whether there is an instance that finds all that a pixel reads in registers."""
    vectors = -(-runs.segments * runs.length // _VECTOR_BYTES)
    has_instance = (runs.segments, vectors) in _TABLE_INSTANCES
    return has_instance and tile_form(load.requantization) != RowForm.GENERAL


def _apply(load: Convolution, kernel: _Kernel, parameters: Parameters) -> Scheduled:
    runs = _runs(load, kernel)
    form = tile_form(load.requantization)
    function = f"ek_convolution_row_{kernel.name}_{form}"
    if parameters == _PATCHES:
        patches = gathered(load, runs)
        runs = patches.runs
        expressions = patch_expressions(load, patches, function)
    elif parameters == _TABLE:
        size = runs.segments * runs.length
        function = f"ek_convolution_row_dot_table_{runs.segments}x{-(-size // _VECTOR_BYTES)}_{form}"
        runs = dataclasses.replace(runs, segments=1, length=size, is_counted_in_bytes=True)
        expressions = row_expressions(load, runs, function)
    else:
        expressions = row_expressions(load, runs, function)

    def pack_factors(values: NDArray[Any]) -> NDArray[Any]:
        together = kernel.factor_copies
        padded = np.pad(values, (0, -len(values) % _NARROW), mode="edge").reshape(-1, together)
        return np.tile(padded, together).reshape(-1)

    return Scheduled(
        vectorize_function_padding(te.create_prim_func(expressions)),
        {1: lambda weights: _pack_weights(weights, load, runs), **dict.fromkeys((2, 3, 4), pack_factors)},
        kernels="neon",
        overread_bytes=OVERREAD_BYTES,
    )


DOT_ROWS = Template(
    name="neon_dot_rows",
    kind="convolution",
    version=4,
    fits=_fits_dot,
    space=lambda job, _cpu: _space(flatten_pixels(job.workload), _DOT),
    apply=lambda job, _cpu, parameters: _apply(flatten_pixels(job.workload), _DOT, parameters),
)
MMLA_ROWS = Template(
    name="neon_mmla_rows",
    kind="convolution",
    version=1,
    fits=_fits_mmla,
    space=lambda job, _cpu: _space(flatten_pixels(job.workload), _MMLA),
    apply=lambda job, _cpu, parameters: _apply(flatten_pixels(job.workload), _MMLA, parameters),
)


def _runs(load: Convolution, kernel: _Kernel) -> Runs:
    """What an output pixel reads. Channels are padded to whole narrow tiles."""
    window = load.window
    _, width = load.plane
    return Runs(
        segments=window.kernel_h,
        length=window.kernel_w * load.in_channels,
        stride=width * load.in_channels * window.dilation_h,
        pixel_stride=window.stride_w * load.in_channels,
        unit=kernel.unit,
        channels=_NARROW,
        factor_copies=kernel.factor_copies,
    )


def _pack_weights(weights: NDArray[np.int8], load: Convolution, runs: Runs) -> NDArray[np.int8]:
    """Wide blocks, then a narrow one where that holds the rest."""
    rest = load.out_channels % _WIDE
    wide = load.out_channels - rest if rest <= _NARROW else load.out_channels
    packed = []
    for part, channels in ((weights[:wide], _WIDE), (weights[wide:], _NARROW)):
        tile = dataclasses.replace(runs, channels=channels)
        packed.append(pack_weights(part, dataclasses.replace(load, out_channels=len(part)), tile))
    return np.concatenate(packed)


# ------------------------------------------------------------- executed instructions, as counted


def _row_cost(kernel: _Kernel, runs: Runs, pixels: int) -> int:
    """Of a call for so many pixels and one wide block of channels."""
    whole, rest = divmod(pixels, _TILE_PIXELS)
    tiles = whole * _tile_cost(kernel, runs, _TILE_PIXELS)
    return 50 + tiles + (_tile_cost(kernel, runs, rest) if rest else 0)


def _tile_cost(kernel: _Kernel, runs: Runs, pixels: int) -> int:
    together = -(-pixels // kernel.pixels_together)
    per_unit = (4 * together + 1) * kernel.unit // 4
    vectors = runs.units * kernel.unit / 16
    loads = vectors * pixels / 2 + (pixels if kernel.pixels_together == 1 else 2 * pixels)
    per_run = runs.units * per_unit + round(loads + vectors) + pixels + 8
    return runs.segments * per_run + 18 * pixels + 10


def _gather_cost(patches: Patches) -> int:
    """Per pixel."""
    source = patches.source
    vectors = -(-source.length // _VECTOR_BYTES)
    return 10 + source.segments * (4 if vectors == 1 else 7 + 5 * vectors)

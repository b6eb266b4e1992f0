"""Convolution on ARM by the micro-kernels of edgekit/kernels/neon: which one, on what, with which tile.

They multiply units of 16 bytes (int16 products) or 4 (dot products): runs are padded to a multiple of that.
Short runs are gathered into patches first where that takes fewer instructions; the broadcasting template
serves where too little of a run would be real.

Parameters: `pixels` and `channels` per tile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te

from edgekit.schedule.cpu import RowKernel
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.convolution_patches import Patches, gathered, patch_expressions
from edgekit.schedule.templates.convolution_rows import Runs, pack_weights, row_expressions
from edgekit.schedule.templates.padding import vectorize_function_padding
from edgekit.schedule.templates.row_form import row_form
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.compute.convolution import Convolution

_MOST_PIXELS = 4  # a tile, in every micro-kernel
_UNIT_BYTES = {RowKernel.MLAL: 16, RowKernel.DOT: 4}
_LEAST_REAL_SHARE = 0.4  # of a run; below it broadcasting takes fewer instructions
_VECTOR_BYTES = 16
OVERREAD_BYTES = 15  # micro-kernels load 16 bytes at a time

# Instructions, counted in what the compiler makes of the micro-kernels.
_UNIT_COST = {RowKernel.MLAL: 15, RowKernel.DOT: 5}  # per pixel and block of channels: 4 or 16
_TILE_COST = {RowKernel.MLAL: 70, RowKernel.DOT: 80}  # that no pixel adds to
_SEGMENT_COST = 3  # per pixel and block of channels
_GATHER_COST = 5  # per pixel and vector


def fits_rows(load: Convolution, kernel: RowKernel, *, lowest_weight: int) -> bool:
    """Whether a micro-kernel can compute a convolution, and does so in fewer instructions.

    Without dot products, two products of a weight of -128 may not fit the int16 that they are added in.
    """
    if load.depthwise or load.groups != 1 or load.window.dilation_w != 1:
        return False
    if kernel is RowKernel.MLAL and lowest_weight == -128:
        return False
    runs = _cheapest(flatten_pixels(load), kernel)[0]
    return runs.length >= _LEAST_REAL_SHARE * runs.units * runs.unit


def schedule_convolution_rows(load: Convolution, kernel: RowKernel) -> Scheduled:
    """The kernel of a convolution that `fits_rows`."""
    load = flatten_pixels(load)
    runs, patches = _cheapest(load, kernel)
    function = _function(load, runs, kernel, _row_pixels(load, patches))
    if patches is None:
        expressions = row_expressions(load, runs, function)
    else:
        expressions = patch_expressions(load, patches, function)

    def pad_channels(values: NDArray[Any]) -> NDArray[Any]:
        return np.pad(values, (0, -len(values) % runs.channels), mode="edge")

    return Scheduled(
        vectorize_function_padding(te.create_prim_func(expressions)),
        {
            1: lambda weights: pack_weights(weights, load, runs),
            2: pad_channels,
            3: pad_channels,
            4: pad_channels,
        },
        kernels="neon",
        overread_bytes=OVERREAD_BYTES,
    )


def _cheapest(load: Convolution, kernel: RowKernel) -> tuple[Runs, Patches | None]:
    """What the micro-kernel reads: runs where they are, or gathered ones."""
    runs = _runs(load, kernel)
    patches = gathered(load, runs)
    vectors = runs.segments * -(-runs.length // _VECTOR_BYTES)
    blocks = load.out_channels / runs.channels
    direct = _cost(runs, kernel, load.out_width) * blocks
    by_patches = _cost(patches.runs, kernel, _row_pixels(load, patches)) * blocks + vectors * _GATHER_COST
    return (patches.runs, patches) if by_patches < direct else (runs, None)


def _cost(runs: Runs, kernel: RowKernel, pixels: int) -> float:
    """Instructions per pixel and block of channels, with rows of so many pixels."""
    tile = _tile_pixels(pixels)
    computed = -(-pixels // tile)
    per_pixel = runs.segments * (runs.units * _UNIT_COST[kernel] + _SEGMENT_COST)
    return computed * (tile * per_pixel + _TILE_COST[kernel]) / pixels


def _row_pixels(load: Convolution, patches: Patches | None) -> int:
    return load.out_width * (1 if patches is None else patches.rows)


def _runs(load: Convolution, kernel: RowKernel) -> Runs:
    window = load.window
    _, width = load.plane
    return Runs(
        segments=window.kernel_h,
        length=window.kernel_w * load.in_channels,
        stride=width * load.in_channels * window.dilation_h,
        pixel_stride=window.stride_w * load.in_channels,
        unit=_UNIT_BYTES[kernel],
        channels=_tile_channels(load.out_channels, kernel),
    )


def _tile_channels(channels: int, kernel: RowKernel) -> int:
    """Output channels of a tile: of 16 and 8, whichever pads less."""
    if kernel is RowKernel.MLAL:
        return 4
    return min((16, 8), key=lambda tile: round_up(channels, tile))


def _tile_pixels(pixels: int) -> int:
    """Pixels of a tile, for the least work on a row: its last tile may compute some pixels again."""
    overhead = 2  # of a tile, in pixels' worth of work
    choices = range(min(pixels, _MOST_PIXELS), 0, -1)
    return min(choices, key=lambda tile: -(-pixels // tile) * (tile + overhead))


def _function(load: Convolution, runs: Runs, kernel: RowKernel, pixels: int) -> str:
    tile = str(_tile_pixels(pixels))
    if kernel is RowKernel.DOT:
        tile += f"x{runs.channels}"
    return f"ek_convolution_row_{kernel}_{tile}_{row_form(load.requantization)}"

"""What the rows' templates for ARM share: whether runs are gathered, and how many pixels a tile computes.

Each micro-kernel of edgekit/kernels/neon multiplies units of several bytes, to which runs are padded.
Short runs are gathered into patches first where that takes fewer instructions; the broadcasting template
serves where too little of a run would be real.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te

from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.templates.convolution_patches import Patches, gathered, patch_expressions
from edgekit.schedule.templates.convolution_rows import Runs, pack_weights, row_expressions
from edgekit.schedule.templates.padding import vectorize_function_padding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.compute.convolution import Convolution

_LEAST_REAL_SHARE = 0.4  # of a run; below it broadcasting takes fewer instructions
_VECTOR_BYTES = 16
OVERREAD_BYTES = 15  # micro-kernels load 16 bytes at a time
_SEGMENT_COST = 3  # instructions per pixel and block of channels
_GATHER_COST = 5  # instructions per pixel and vector


@dataclasses.dataclass(frozen=True)
class Family:
    """The instances of one micro-kernel. Costs are instructions, counted in what the compiler makes of it."""

    unit: int  # bytes
    unit_cost: int  # per pixel and block of channels
    tile_cost: int  # that no pixel adds to
    most_pixels: int  # of a tile

    def runs(self, load: Convolution, channels: int) -> Runs:
        """What an output pixel reads, with tiles of so many channels."""
        window = load.window
        _, width = load.plane
        return Runs(
            segments=window.kernel_h,
            length=window.kernel_w * load.in_channels,
            stride=width * load.in_channels * window.dilation_h,
            pixel_stride=window.stride_w * load.in_channels,
            unit=self.unit,
            channels=channels,
        )

    def cheapest(self, load: Convolution, channels: int) -> tuple[Runs, Patches | None]:
        """What the micro-kernel reads: runs where they are, or gathered ones."""
        runs = self.runs(load, channels)
        patches = gathered(load, runs)
        vectors = runs.segments * -(-runs.length // _VECTOR_BYTES)
        blocks = load.out_channels / runs.channels
        direct = self._cost(runs, load.out_width) * blocks
        by_patches = self._cost(patches.runs, row_pixels(load, patches)) * blocks + vectors * _GATHER_COST
        return (patches.runs, patches) if by_patches < direct else (runs, None)

    def tile_pixels(self, pixels: int) -> int:
        """Pixels of a tile, for the least work on a row: its last tile may compute some pixels again."""
        overhead = 2  # of a tile, in pixels' worth of work
        choices = range(min(pixels, self.most_pixels), 0, -1)
        return min(choices, key=lambda tile: -(-pixels // tile) * (tile + overhead))

    def _cost(self, runs: Runs, pixels: int) -> float:
        """Instructions per pixel and block of channels, with rows of so many pixels."""
        tile = self.tile_pixels(pixels)
        computed = -(-pixels // tile)
        per_pixel = runs.segments * (runs.units * self.unit_cost + _SEGMENT_COST)
        return computed * (tile * per_pixel + self.tile_cost) / pixels


def is_convolution_by_rows(load: Convolution) -> bool:
    """Whether what an output pixel reads are runs of all input channels."""
    return not load.depthwise and load.groups == 1 and load.window.dilation_w == 1


def is_mostly_real(runs: Runs) -> bool:
    """Whether the multiplications by padding are few enough."""
    return runs.length >= _LEAST_REAL_SHARE * runs.units * runs.unit


def row_pixels(load: Convolution, patches: Patches | None) -> int:
    """Output pixels that one call of a micro-kernel computes."""
    return load.out_width * (1 if patches is None else patches.rows)


def schedule_runs(load: Convolution, runs: Runs, patches: Patches | None, function: str) -> Scheduled:
    """A kernel that calls the micro-kernel `function` for each row of output."""
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

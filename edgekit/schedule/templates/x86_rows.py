"""Convolution by rows on x86: a hand-written micro-kernel computes whole rows of output pixels.

As convolution_rows.py, with the micro-kernels of edgekit/kernels/x86. They multiply units of 4 bytes
(AVX512-VNNI) or pairs (AVX2), so that nearly all of a run is real.

Parameters: `pixels` and `channels` per tile.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te

from edgekit.schedule.cpu import X86Kernel
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Job, Parameters, Template, preferring
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.convolution_rows import Runs, pack_weights, row_expressions
from edgekit.schedule.templates.padding import vectorize_function_padding
from edgekit.schedule.templates.x86_form import x86_form
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.cpu import CpuClass

OVERREAD_BYTES = 15
_TILE_OVERHEAD = 1  # of a tile, in pixels' worth of work


@dataclasses.dataclass(frozen=True)
class _Family:
    """The instances of one micro-kernel."""

    unit: int  # bytes
    tiles: Mapping[int, tuple[int, ...]]  # channels of a tile, widest first: pixels it may have
    weights_offset: int = 0  # added to every weight; they are unsigned then


_FAMILIES = {
    X86Kernel.AVX2: _Family(2, {16: (1, 2, 4), 8: (1, 2, 4)}),
    X86Kernel.VNNI: _Family(4, {64: (1, 2, 4, 6), 32: (1, 2, 4, 8), 16: (1, 2, 4, 8)}, weights_offset=128),
}


def _fits(job: Job, cpu: CpuClass) -> bool:
    load = job.workload
    return cpu.x86_kernel is not None and load.groups == 1 and load.window.dilation_w == 1


def _space(job: Job, cpu: CpuClass) -> tuple[Parameters, ...]:
    load = flatten_pixels(job.workload)
    tiles = _family(cpu).tiles
    channels = min(tiles, key=lambda tile: round_up(load.out_channels, tile))
    first = Parameters(channels=channels, pixels=_tile_pixels(load.out_width, tiles[channels]))
    others = [
        Parameters(channels=channels, pixels=pixels)
        for channels, choices in tiles.items()
        for pixels in choices
        if pixels <= load.out_width
    ]
    return preferring(first, others)


def _apply(job: Job, cpu: CpuClass, parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)
    family = _family(cpu)
    runs = _runs(load, family, parameters.number("channels"))
    function = _function(load, f"{cpu.x86_kernel}_{parameters['pixels']}x{parameters['channels']}")
    expressions = row_expressions(load, runs, function)

    def pack(weights: NDArray[np.int8]) -> NDArray[np.int8]:
        unsigned = weights.view(np.uint8) + np.uint8(family.weights_offset)
        return pack_weights(unsigned.view(np.int8), load, runs)

    def pad_channels(values: NDArray[Any]) -> NDArray[Any]:
        return np.pad(values, (0, -len(values) % runs.channels), mode="edge")

    return Scheduled(
        vectorize_function_padding(te.create_prim_func(expressions)),
        {1: pack, 2: pad_channels, 3: pad_channels, 4: pad_channels},
        kernels="x86",
        overread_bytes=OVERREAD_BYTES,
    )


X86_ROWS = Template(name="x86_rows", kind="convolution", version=2, fits=_fits, space=_space, apply=_apply)


def _family(cpu: CpuClass) -> _Family:
    assert cpu.x86_kernel is not None, cpu.name
    return _FAMILIES[cpu.x86_kernel]


def _runs(load: Convolution, family: _Family, channels: int) -> Runs:
    window = load.window
    _, width = load.plane
    return Runs(
        segments=window.kernel_h,
        length=window.kernel_w * load.in_channels,
        stride=width * load.in_channels * window.dilation_h,
        pixel_stride=window.stride_w * load.in_channels,
        unit=family.unit,
        is_counted_in_bytes=family.weights_offset != 0,
        channels=channels,
    )


def _function(load: Convolution, instance: str) -> str:
    return f"ek_convolution_row_{instance}_{x86_form(load.requantization)}"


def _tile_pixels(width: int, choices: tuple[int, ...]) -> int:
    """Pixels per tile, for the least work on a row: its last tile may compute some pixels again."""
    fitting = [pixels for pixels in choices if pixels <= width]
    return min(fitting, key=lambda pixels: -(-width // pixels) * (pixels + _TILE_OVERHEAD))

"""The tiles of the micro-kernels for rows of convolution on x86: which there are, and which one to take."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from edgekit.schedule.cpu import X86Kernel
from edgekit.schedule.template import Parameters
from edgekit.schedule.templates.convolution_rows import pack_weights
from edgekit.schedule.templates.micro_kernels import constant_packers
from edgekit.schedule.templates.x86_form import x86_form
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.cpu import CpuClass
    from edgekit.schedule.scheduled import Packer
    from edgekit.schedule.templates.convolution_rows import Runs

OVERREAD_BYTES = 15  # micro-kernels read whole units and vectors
_L1_BYTES = 32 << 10
_LATENCY = 5  # cycles until a sum may be added to again
_CHAINS = 4  # the most sums among which products of one are shared out
_TILE_CYCLES = 10  # that neither pixels nor channels add to
_SUM_CYCLES = 5.5  # to scale and store a vector of sums


@dataclasses.dataclass(frozen=True)
class Family:
    """The instances of one micro-kernel."""

    unit: int  # bytes
    lanes: int
    tiles: Mapping[int, tuple[int, ...]]  # channels of a tile, widest first: pixels it may have
    weights_offset: int = 0  # added to every weight; they are unsigned then


_FAMILIES = {
    X86Kernel.AVX2: Family(2, 8, {16: (1, 2, 4), 8: (1, 2, 4)}),
    X86Kernel.VNNI: Family(
        4,
        16,
        {64: (1, 2, 4, 6), 48: (1, 2, 4, 8), 32: (1, 2, 4, 8, 10, 12), 16: (1, 2, 4, 8, 12)},
        weights_offset=128,
    ),
}


def family_of(cpu: CpuClass) -> Family:
    """The micro-kernel that a CPU has."""
    assert cpu.x86_kernel is not None, cpu.name
    return _FAMILIES[cpu.x86_kernel]


def tiles(cpu: CpuClass, pixels: int, channels: int, depth: int) -> list[Parameters]:
    """Every tile for rows of `pixels` that read `depth` bytes each, the fastest first."""
    return [Parameters(channels=c, pixels=p) for _, (p, c) in _by_cycles(cpu, pixels, channels, depth)]


def row_cycles(cpu: CpuClass, pixels: int, channels: int, depth: int) -> float:
    """Roughly what the fastest tile takes for a row."""
    return _by_cycles(cpu, pixels, channels, depth)[0][0]


def _by_cycles(cpu: CpuClass, pixels: int, channels: int, depth: int) -> list[tuple[float, tuple[int, int]]]:
    """Cycles of a row, and pixels and channels of the tile."""
    family = family_of(cpu)

    def cycles(tile: tuple[int, int]) -> float:
        return _tile_cycles(family, tile, depth) * -(-pixels // tile[0]) * -(-channels // tile[1])

    fitting = [(p, c) for c, choices in family.tiles.items() for p in choices if p <= pixels]
    return sorted((cycles(tile), tile) for tile in fitting)


def _tile_cycles(family: Family, tile: tuple[int, int], depth: int) -> float:
    """Cycles of a tile, roughly: two multiplications and two loads each, if no sum has to be waited for."""
    pixels, channels = tile
    vectors = channels // family.lanes
    sums = pixels * vectors
    chains = min(_CHAINS, max(1, 8 // sums)) if family.unit > 2 else 1
    loads = (pixels + vectors) / 2
    if depth * channels > _L1_BYTES:
        loads = pixels / 2 + 2 * vectors  # weights come from the second cache
    per_unit = max(sums / 2, loads, _LATENCY / chains)
    return depth / family.unit * per_unit + _SUM_CYCLES * sums + _TILE_CYCLES


def function_name(cpu: CpuClass, parameters: Parameters, load: Convolution) -> str:
    """The instance that computes a tile."""
    tile = f"{parameters['pixels']}x{parameters['channels']}"
    return f"ek_convolution_row_{cpu.x86_kernel}_{tile}_{x86_form(load.requantization)}"


def packers(cpu: CpuClass, load: Convolution, runs: Runs) -> dict[int, Packer]:
    """How a call's weights, biases, multipliers and shifts are laid out."""

    def pack(weights: NDArray[np.int8]) -> NDArray[np.int8]:
        unsigned = weights.view(np.uint8) + np.uint8(family_of(cpu).weights_offset)
        return pack_weights(unsigned.view(np.int8), load, runs)

    return constant_packers(pack, round_up(load.out_channels, runs.channels))

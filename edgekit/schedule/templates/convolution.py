"""Direct convolution, and matrix products as 1x1 convolutions.

A tile is a few pixels of one output row times one vector of output channels, kept in registers while
the loops over filter and input channels run; bias, requantize and clamp follow before it is stored.

Parameters: `lanes`, channels per vector; `pixels` per tile. Weights are packed
[block of lanes, kernel_h, kernel_w, input channel, lane], so that the inner loop reads them in order.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import s_tir, te

from edgekit.compute.convolution import Convolution, Window, pad_plane
from edgekit.compute.fixed_point import requantize
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.sharing import share_stage
from edgekit.schedule.template import Job, Parameters, Template, preferring
from edgekit.schedule.templates.padding import vectorize_padding
from edgekit.schedule.tiles import channel_lanes, pixel_tile, round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.schedule.cpu import CpuClass

_LANES = (4, 8, 16)
_MOST_PIXELS = 8


@dataclasses.dataclass(frozen=True)
class Tile:
    """The template's parameters."""

    lanes: int
    pixels: int


def tile_space(width: int, channels: int, cpu: CpuClass) -> tuple[Parameters, ...]:
    """Tiles for rows of so many pixels and groups of so many channels; those like the untuned one first."""
    likely = channel_lanes(channels)
    first = Parameters(lanes=likely, pixels=pixel_tile(width, likely, cpu.accumulators))
    others = [
        Parameters(lanes=lanes, pixels=pixels)
        for lanes in _LANES
        if round_up(channels, lanes) < 2 * channels or lanes == _LANES[0]
        for pixels in range(1, min(width, _MOST_PIXELS, cpu.accumulators // lanes) + 1)
    ]

    def unlike(tile: Parameters) -> float:
        return sum(abs(math.log2(tile.number(name) / first.number(name))) for name in first)

    return preferring(first, sorted(others, key=unlike))


def _space(job: Job, cpu: CpuClass) -> tuple[Parameters, ...]:
    load = flatten_pixels(job.workload)
    return tile_space(load.out_width, load.out_channels // load.groups, cpu)


def _apply(job: Job, _cpu: CpuClass, parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)
    tile = Tile(parameters.number("lanes"), parameters.number("pixels"))
    function = _schedule(te.create_prim_func(_expressions(load, tile)), load, tile)
    return Scheduled(
        function,
        {
            1: lambda weights: pack_weights(weights, load, tile),
            2: lambda bias: pack_channels(bias, load, tile),
            3: lambda multiplier: pack_channels(multiplier, load, tile),
            4: lambda shift: pack_channels(shift, load, tile),
        },
    )


CONVOLUTION = Template(
    name="convolution",
    kind="convolution",
    version=1,
    fits=lambda _job, _cpu: True,
    space=_space,
    apply=_apply,
)


def flatten_pixels(load: Convolution) -> Convolution:
    """The same computation with its pixels in one long row, where memory allows to read it that way."""
    if load.is_pointwise:
        pixels = load.batch * load.height * load.width
        return dataclasses.replace(load, batch=1, height=1, width=pixels, out_height=1, out_width=pixels)
    window = load.window
    one_column = load.width == load.out_width == window.kernel_w == 1 and window.pad_left == 0
    if one_column:  # call it one row
        turned = Window(
            kernel_h=1, kernel_w=window.kernel_h, stride_w=window.stride_h,
            dilation_w=window.dilation_h, pad_left=window.pad_top,
        )  # fmt: skip
        return dataclasses.replace(
            load, height=1, width=load.height, out_height=1, out_width=load.out_height, window=turned
        )
    return load


# ---------------------------------------------------------------------------------------- packing


def _blocks(load: Convolution, tile: Tile) -> int:
    """Vectors of output channels in a group."""
    return round_up(load.out_channels // load.groups, tile.lanes) // tile.lanes


def pack_weights(weights: NDArray[np.int8], load: Convolution, tile: Tile) -> NDArray[np.int8]:
    """[out, kernel_h, kernel_w, in / groups] to [block, kernel_h, kernel_w, in / groups, lane]."""
    window, depth = load.window, load.in_channels // load.groups
    shape = (load.groups, load.out_channels // load.groups, window.kernel_h, window.kernel_w, depth)
    padded = _pad_axis(weights.reshape(shape), 1, _blocks(load, tile) * tile.lanes)
    split = padded.reshape(load.groups, -1, tile.lanes, *shape[2:])
    packed = split.transpose(0, 1, 3, 4, 5, 2)
    return np.ascontiguousarray(packed.reshape(-1, window.kernel_h, window.kernel_w, depth, tile.lanes))


def pack_channels(values: NDArray[Any], load: Convolution, tile: Tile) -> NDArray[Any]:
    """[out] to [block, lane]; padding repeats the last value, so that it fits the kernel's exact form."""
    padded = _pad_axis(values.reshape(load.groups, -1), 1, _blocks(load, tile) * tile.lanes, edge=True)
    return np.ascontiguousarray(padded.reshape(-1, tile.lanes))


def _pad_axis(array: NDArray[Any], axis: int, size: int, *, edge: bool = False) -> NDArray[Any]:
    widths = [(0, size - n if i == axis else 0) for i, n in enumerate(array.shape)]
    return np.pad(array, widths, mode="edge" if edge else "constant")


# ------------------------------------------------------------------------------- expressions, schedule


def _expressions(load: Convolution, tile: Tile) -> list[te.Tensor]:
    window, lanes = load.window, tile.lanes
    depth, per_group = load.in_channels // load.groups, load.out_channels // load.groups
    blocks = _blocks(load, tile)
    total = load.groups * blocks
    x = te.placeholder((load.batch, load.height, load.width, load.in_channels), "int8", "x")
    weights = te.placeholder((total, window.kernel_h, window.kernel_w, depth, lanes), "int8", "weights")
    bias, multiplier, shift = (
        te.placeholder((total, lanes), "int32", name) for name in ("bias", "multiplier", "shift")
    )
    plane = pad_plane(x, load)
    ry = te.reduce_axis((0, window.kernel_h), "ry")
    rx = te.reduce_axis((0, window.kernel_w), "rx")
    rk = te.reduce_axis((0, depth), "rk")

    def product(n: Any, y: Any, col: Any, b: Any, lane: Any) -> Any:
        row = y * window.stride_h + ry * window.dilation_h
        column = col * window.stride_w + rx * window.dilation_w
        channel = rk if load.groups == 1 else b // blocks * depth + rk
        value, weight = plane[n, row, column, channel], weights[b, ry, rx, rk, lane]
        return te.sum(value.astype("int32") * weight.astype("int32"), axis=[ry, rx, rk])

    shape = (load.batch, load.out_height, load.out_width, total, lanes)
    acc = te.compute(shape, product, name="acc")
    biased = te.compute(shape, lambda n, y, col, b, i: acc[n, y, col, b, i] + bias[b, i], name="biased")
    scaled = te.compute(
        shape,
        lambda n, y, col, b, i: requantize(
            biased[n, y, col, b, i], multiplier[b, i], shift[b, i], load.requantization
        ),
        name="scaled",
    )

    def pick(n: Any, y: Any, col: Any, o: Any) -> Any:
        block = o // lanes if load.groups == 1 else o // per_group * blocks + o % per_group // lanes
        return scaled[n, y, col, block, (o if load.groups == 1 else o % per_group) % lanes]

    out = te.compute((load.batch, load.out_height, load.out_width, load.out_channels), pick, name="out")
    return [x, weights, bias, multiplier, shift, out]


def _schedule(function: Any, load: Convolution, tile: Tile) -> Any:
    schedule = s_tir.Schedule(function)
    acc, biased, scaled, out = (schedule.get_sblock(name) for name in ("acc", "biased", "scaled", "out"))
    _, _, col, o = schedule.get_loops(out)
    strip, pixel = schedule.split(col, [None, tile.pixels])
    if load.out_channels // load.groups % tile.lanes == 0:
        # Whole vectors: requantize straight into the output.
        schedule.compute_inline(scaled)
        block, lane = schedule.split(o, [None, tile.lanes])
        schedule.reorder(strip, block, pixel, lane)
        schedule.vectorize(lane)
        schedule.unroll(pixel)
    else:
        # Requantize whole vectors into a small tile, then copy the channels that exist.
        schedule.compute_at(scaled, strip, preserve_unit_loops=True)
        pixel, block, lane = schedule.get_loops(scaled)[-3:]
        schedule.reorder(block, pixel, lane)
        schedule.vectorize(lane)
        schedule.unroll(pixel)
    share_stage(schedule, out)
    for stage in (biased, acc):
        schedule.compute_at(stage, block, preserve_unit_loops=True)
    _vectorize_stage(schedule, biased, pixels=-3)
    _accumulate(schedule, acc)
    vectorize_padding(schedule)
    return schedule.mod["main"]


def _vectorize_stage(schedule: Any, stage: Any, *, pixels: int) -> None:
    loops = schedule.get_loops(stage)
    schedule.vectorize(loops[-1])
    schedule.unroll(loops[pixels])


def _accumulate(schedule: Any, acc: Any) -> None:
    """Sums stay in registers: filter and channel loops outside, pixels and lanes inside."""
    pixel, block, lane, ry, rx, rk = schedule.get_loops(acc)[-6:]
    schedule.reorder(block, ry, rx, rk, pixel, lane)
    schedule.vectorize(lane)
    schedule.unroll(pixel)
    first = schedule.decompose_reduction(acc, ry)
    _vectorize_stage(schedule, first, pixels=-2)

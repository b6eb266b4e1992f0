"""Depthwise convolution: a few pixels of one row times one vector of channels, taps unrolled.

Parameters: `lanes`, channels per vector; `pixels` per tile. Channels are padded to whole vectors, and
an input channel with several filters is repeated, when the plane is padded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import s_tir, te

from edgekit.compute.convolution import Convolution, pad_plane
from edgekit.compute.fixed_point import requantize
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.sharing import share_stage
from edgekit.schedule.template import Job, Parameters, Template
from edgekit.schedule.templates.convolution import Tile, flatten_pixels, tile_space
from edgekit.schedule.templates.padding import vectorize_padding
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.schedule.cpu import CpuClass

_UNROLLED_TAPS = 25  # filters up to 5x5 are unrolled


def _space(job: Job, cpu: CpuClass) -> tuple[Parameters, ...]:
    load = flatten_pixels(job.workload)
    return tile_space(load.out_width, load.out_channels, cpu)


def _apply(job: Job, _cpu: CpuClass, parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)
    tile = Tile(parameters.number("lanes"), parameters.number("pixels"))
    width = round_up(load.out_channels, tile.lanes)
    function = _schedule(te.create_prim_func(_expressions(load, width)), load, tile)
    taps = (load.window.kernel_h, load.window.kernel_w, load.out_channels)
    return Scheduled(
        function,
        {
            1: lambda weights: _pad(weights.reshape(taps), width),
            2: lambda bias: _pad(bias, width),
            3: lambda multiplier: _pad(multiplier, width),
            4: lambda shift: _pad(shift, width),
        },
    )


DEPTHWISE = Template(
    name="depthwise",
    kind="depthwise",
    version=1,
    fits=lambda _job, _cpu: True,
    space=_space,
    apply=_apply,
)


def _pad(array: NDArray[Any], width: int) -> NDArray[Any]:
    """Channels past the last repeat it, so that they fit the kernel's exact form."""
    widths = [(0, 0)] * (array.ndim - 1) + [(0, width - array.shape[-1])]
    return np.ascontiguousarray(np.pad(array, widths, mode="edge"))


def _expressions(load: Convolution, width: int) -> list[te.Tensor]:
    window = load.window
    x = te.placeholder((load.batch, load.height, load.width, load.in_channels), "int8", "x")
    weights = te.placeholder((window.kernel_h, window.kernel_w, width), "int8", "weights")
    bias, multiplier, shift = (
        te.placeholder((width,), "int32", name) for name in ("bias", "multiplier", "shift")
    )
    plane = pad_plane(x, load, channels=width, expand=load.out_channels // load.in_channels)
    ry = te.reduce_axis((0, window.kernel_h), "ry")
    rx = te.reduce_axis((0, window.kernel_w), "rx")

    def product(n: Any, y: Any, col: Any, c: Any) -> Any:
        row = y * window.stride_h + ry * window.dilation_h
        column = col * window.stride_w + rx * window.dilation_w
        return te.sum(
            plane[n, row, column, c].astype("int32") * weights[ry, rx, c].astype("int32"), axis=[ry, rx]
        )

    shape = (load.batch, load.out_height, load.out_width, width)
    acc = te.compute(shape, product, name="acc")
    biased = te.compute(shape, lambda n, y, col, c: acc[n, y, col, c] + bias[c], name="biased")
    scaled = te.compute(
        shape,
        lambda n, y, col, c: requantize(biased[n, y, col, c], multiplier[c], shift[c], load.requantization),
        name="scaled",
    )
    out = te.compute((*shape[:3], load.out_channels), scaled, name="out")
    return [x, weights, bias, multiplier, shift, out]


def _schedule(function: Any, load: Convolution, tile: Tile) -> Any:
    schedule = s_tir.Schedule(function)
    acc, biased, scaled, out = (schedule.get_sblock(name) for name in ("acc", "biased", "scaled", "out"))
    _, _, col, channel = schedule.get_loops(out)
    strip, pixel = schedule.split(col, [None, tile.pixels])
    if load.out_channels % tile.lanes == 0:
        schedule.compute_inline(scaled)
        block, lane = schedule.split(channel, [None, tile.lanes])
    else:
        schedule.compute_at(scaled, strip, preserve_unit_loops=True)
        pixel, channel = schedule.get_loops(scaled)[-2:]
        block, lane = schedule.split(channel, [None, tile.lanes])
    schedule.reorder(block, pixel, lane)
    schedule.vectorize(lane)
    schedule.unroll(pixel)
    share_stage(schedule, out)
    for stage in (biased, acc):
        schedule.compute_at(stage, block, preserve_unit_loops=True)
    _, lane = schedule.get_loops(biased)[-2:]
    schedule.vectorize(lane)
    schedule.unroll(schedule.get_loops(biased)[-2])
    pixel, lane, ry, rx = schedule.get_loops(acc)[-4:]
    schedule.reorder(ry, rx, pixel, lane)
    schedule.vectorize(lane)
    schedule.unroll(pixel)
    if load.window.kernel_h * load.window.kernel_w <= _UNROLLED_TAPS:
        schedule.unroll(ry)
        schedule.unroll(rx)
    first = schedule.decompose_reduction(acc, ry)
    schedule.vectorize(schedule.get_loops(first)[-1])
    schedule.unroll(schedule.get_loops(first)[-2])
    vectorize_padding(schedule)
    return schedule.mod["main"]

"""Depthwise convolution on ARM with dot products: by kernels/neon/depthwise_row_dot.c.

Filters of 3x3 that move by one, and filters of one row (or, over a plane one pixel wide, one column) that
move by one or two. A dot product takes a quad of neighbouring positions at once, which all outputs that it
holds a part of share: their weights are moved by as many places.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te

from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Job, Parameters, Template, one_point
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.depthwise_rows import LANES, depthwise_expressions
from edgekit.schedule.templates.padding import vectorize_function_padding
from edgekit.schedule.templates.row_form import tile_form
from edgekit.schedule.tiles import overlapping_starts, round_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.cpu import CpuClass

_QUAD = 4
_LINE_QUADS = (2, 3)  # that a tile of a line may read
_ROWS_3X3 = 2  # of output at a time


@dataclasses.dataclass(frozen=True)
class _Line:
    """A tile of a filter of one row: as many outputs as start in one quad, and the quads that they read."""

    outputs: int
    quads: int

    @staticmethod
    def of(load: Convolution) -> _Line:
        stride = load.window.stride_w
        outputs = _QUAD // stride
        return _Line(outputs, -(-(load.window.kernel_w + (outputs - 1) * stride) // _QUAD))

    def reads(self, load: Convolution) -> Convolution:
        """What whole tiles read: a wider filter, and pixels past the last."""
        wide = self.quads * _QUAD - (self.outputs - 1) * load.window.stride_w
        return dataclasses.replace(
            load,
            out_width=round_up(load.out_width, self.outputs),
            window=dataclasses.replace(load.window, kernel_w=wide),
        )


def _is_3x3(load: Convolution) -> bool:
    window = load.window
    moves_by_one = window.stride_h == window.stride_w == 1
    return window.kernel_h == window.kernel_w == 3 and moves_by_one and load.out_height >= _ROWS_3X3


def _is_line(load: Convolution) -> bool:
    if load.window.kernel_h != 1 or load.window.stride_w not in (1, 2):
        return False
    line = _Line.of(load)
    return line.quads in _LINE_QUADS and 2 * load.out_width >= line.outputs


def _fits(job: Job, cpu: CpuClass) -> bool:
    load = flatten_pixels(job.workload)
    window = load.window
    plain = window.dilation_h == window.dilation_w == 1 and load.out_channels >= LANES
    return cpu.has_dot_products and plain and (_is_3x3(load) or _is_line(load))


def _apply(job: Job, _cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)
    if _is_3x3(load):
        reads, filter_name = load, "3x3"
        quads = _ROWS_3X3 * load.window.kernel_w
    else:
        line = _Line.of(load)
        reads, filter_name = line.reads(load), f"line_{line.quads}x{line.outputs}"
        quads = line.quads * line.outputs
    function = f"ek_depthwise_row_dot_{filter_name}_{tile_form(load.requantization)}"
    packed = len(overlapping_starts(load.out_channels, LANES)) * quads * _QUAD * LANES
    expressions = depthwise_expressions(load, reads, packed, function, least_rows=_ROWS_3X3)
    return Scheduled(
        vectorize_function_padding(te.create_prim_func(expressions)),
        {1: lambda weights: pack_quads(weights, load)},
        kernels="neon",
    )


DEPTHWISE_DOT_ROWS = Template(
    name="depthwise_dot_rows", kind="depthwise", version=2, fits=_fits, space=one_point, apply=_apply
)


def pack_quads(weights: NDArray[np.int8], load: Convolution) -> NDArray[np.int8]:
    """[kernel_h, kernel_w, channel] to [block, output that shares quads, quad, 8 channels, 4]."""
    taps = weights.reshape(load.window.kernel_h, load.window.kernel_w, load.out_channels)
    blocks = [taps[..., start : start + LANES] for start in overlapping_starts(load.out_channels, LANES)]
    return np.concatenate([quad.reshape(-1) for block in blocks for quad in _quads_of_block(block, load)])


def _quads_of_block(block: NDArray[np.int8], load: Convolution) -> Iterator[NDArray[np.int8]]:
    if _is_3x3(load):
        for row in range(_ROWS_3X3):
            for column in range(load.window.kernel_w):
                yield _moved(block[:, column], row, 1)
    else:
        line = _Line.of(load)
        for output in range(line.outputs):
            yield _moved(block[0], output * load.window.stride_w, line.quads)


def _moved(taps: NDArray[np.int8], places: int, quads: int) -> NDArray[Any]:
    """[tap, lane], moved by some places, to [quad, lane, 4]; 0 where no weight is."""
    positions = np.zeros((quads * _QUAD, LANES), np.int8)
    positions[places : places + len(taps)] = taps
    return np.ascontiguousarray(positions.reshape(quads, _QUAD, LANES).transpose(0, 2, 1))

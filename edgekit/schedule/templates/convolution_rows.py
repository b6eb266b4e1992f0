"""Convolution by rows: a hand-written micro-kernel computes whole rows of output pixels.

What one output pixel reads are runs of bytes, one for each row of the filter: kernel_w * in_channels of
them lie side by side. The micro-kernels (edgekit/kernels) multiply units of several bytes, so runs are padded
to a multiple of that. Which kernel computes what, neon_mlal_rows.py, neon_dot_rows.py and x86_rows.py decide.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import tirx

from edgekit.schedule.sharing import shared_loop, shared_span
from edgekit.schedule.templates.micro_kernels import calling_stage, convolution_operands
from edgekit.schedule.templates.padding import pad_rows
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tvm import te

    from edgekit.compute.convolution import Convolution

# A call computes at least so many pixels, or channels of one pixel: whole tiles of every micro-kernel.
_PIXELS, _CHANNELS = 8, 16


@dataclasses.dataclass(frozen=True)
class Runs:
    """What one output pixel reads, and how the micro-kernel takes it."""

    segments: int
    length: int
    stride: int  # bytes between the starts of two runs
    pixel_stride: int
    unit: int  # bytes
    channels: int  # per tile
    is_counted_in_bytes: bool = False  # by the micro-kernel; in units otherwise
    factor_copies: int = 1  # of each channel's bias, multiplier and shift
    table_bytes: int = 0  # of each channel, before its weights
    least_pixels: int = _PIXELS  # of a call, if the row has them: a whole tile

    @property
    def units(self) -> int:
        """Units of a run, padding included."""
        return round_up(self.length, self.unit) // self.unit

    @property
    def counted_length(self) -> int:
        """The length of a run as the micro-kernel takes it."""
        return self.length if self.is_counted_in_bytes else self.units

    @property
    def packed_bytes(self) -> int:
        """Bytes of a channel's packed weights."""
        return self.table_bytes + self.segments * self.units * self.unit


def pack_weights(weights: NDArray[np.int8], load: Convolution, runs: Runs) -> NDArray[np.int8]:
    """[out, kernel_h, kernel_w, in] to [block of channels, segment, unit, channel, byte], zero-padded."""
    flat = weights.reshape(load.out_channels, runs.segments, runs.length)
    blocks = round_up(load.out_channels, runs.channels) // runs.channels
    padded = np.zeros((blocks * runs.channels, runs.segments, runs.units * runs.unit), np.int8)
    padded[: load.out_channels, :, : runs.length] = flat
    split = padded.reshape(blocks, runs.channels, runs.segments, runs.units, runs.unit)
    return np.ascontiguousarray(split.transpose(0, 2, 3, 1, 4)).reshape(-1)


def row_expressions(load: Convolution, runs: Runs, function: str) -> list[te.Tensor]:
    """Padding, then a call of the micro-kernel `function` for each row of output."""
    width = round_up(load.out_channels, runs.channels)
    x, *constants = convolution_operands(load, width * runs.packed_bytes, width * runs.factor_copies)
    out = calling_stage(
        [pad_rows(x, load), *constants],
        {"out": (load.batch, load.out_height, load.out_width, load.out_channels)},
        lambda inputs, outputs: _rows(inputs, outputs[0], load, runs, function),
    )
    return [x, *constants, out]


def _rows(inputs: list[Any], out: Any, load: Convolution, runs: Runs, function: str) -> Any:
    """One call of the micro-kernel for each row of output, or for a thread's part of the only row."""
    n, y = tirx.Var("n", "int32"), tirx.Var("y", "int32")
    plane, weights, *factors = inputs
    window = load.window

    def call(pixel: Any, pixels: Any, channel: Any, channels: Any) -> Any:
        """Only where a row is one pixel may the channels be fewer: they are the distance of pixels, too."""
        starts = [
            plane[n, y * window.stride_h, pixel * window.stride_w, 0],
            weights[channel * runs.packed_bytes],
            *(values[channel * runs.factor_copies] for values in factors),
            out[n, y, pixel, channel],
        ]
        return row_call(function, starts, pixels, load, runs, channels)

    if load.out_height > 1:
        row = shared_loop(y, load.out_height, call(0, load.out_width, 0, load.out_channels))
    elif load.out_width == 1:
        first, count = shared_span(load.out_channels, max(runs.channels, _CHANNELS))
        body = tirx.IfThenElse(count > 0, call(0, 1, first, count), None)
        row = tirx.For(y, 0, 1, tirx.ForKind.SERIAL, body)
    else:
        first, count = shared_span(load.out_width, runs.least_pixels)
        body = tirx.IfThenElse(count > 0, call(first, count, 0, load.out_channels), None)
        row = tirx.For(y, 0, 1, tirx.ForKind.SERIAL, body)
    return tirx.For(n, 0, load.batch, tirx.ForKind.SERIAL, row)


def row_call(
    function: str, starts: list[Any], pixels: Any, load: Convolution, runs: Runs, channels: Any, *more: Any
) -> Any:
    """A call with the operands of `ek_row` in edgekit/kernels/common/row.h, in its order, and `more`.

    `starts` are the elements that its pointers point at, from the input's to the output's.
    """
    how = load.requantization
    return tirx.Evaluate(
        tirx.call_extern(
            "void",
            function,
            *(tirx.address_of(element) for element in starts),
            pixels,
            runs.pixel_stride,
            runs.segments,
            runs.stride,
            runs.counted_length,
            channels,
            how.zero_point,
            how.low,
            how.high,
            *more,
        )
    )

"""Convolution by rows: a hand-written micro-kernel computes whole rows of output pixels.

What one output pixel reads are runs of bytes, one for each row of the filter: kernel_w * in_channels of
them lie side by side. The micro-kernels (edgekit/kernels) multiply units of several bytes, so runs are padded
to a multiple of that. Which kernel computes what, neon_mlal_rows.py, neon_dot_rows.py and x86_rows.py decide.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te, tirx

from edgekit.schedule.sharing import shared_loop, shared_span
from edgekit.schedule.templates.padding import pad_rows
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    x = te.placeholder((load.batch, load.height, load.width, load.in_channels), "int8", "x")
    weights = te.placeholder((width * runs.packed_bytes,), "int8", "weights")
    bias, multiplier, shift = (
        te.placeholder((width * runs.factor_copies,), "int32", name)
        for name in ("bias", "multiplier", "shift")
    )
    reads = [pad_rows(x, load), weights, bias, multiplier, shift]
    shape = (load.batch, load.out_height, load.out_width, load.out_channels)
    out = te.extern(
        shape,
        reads,
        lambda inputs, outputs: _rows(inputs, outputs[0], load, runs, function),
        name="out",
        dtype="int8",
        # Buffers of our own: te's would have offsets that nothing defines.
        in_buffers=[tirx.decl_buffer(tensor.shape, tensor.dtype, tensor.op.name) for tensor in reads],
        out_buffers=[tirx.decl_buffer(shape, "int8", "out")],
    )
    return [x, weights, bias, multiplier, shift, out]


def _rows(inputs: list[Any], out: Any, load: Convolution, runs: Runs, function: str) -> Any:
    """One call of the micro-kernel for each row of output, or for a thread's part of the only row."""
    n, y = tirx.Var("n", "int32"), tirx.Var("y", "int32")

    def call(pixel: Any, pixels: Any, channel: Any, channels: Any) -> Any:
        return _call(inputs, out, load, runs, function, (n, y, pixel, channel), pixels, channels)

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


def _call(
    inputs: list[Any],
    out: Any,
    load: Convolution,
    runs: Runs,
    function: str,
    start: tuple[Any, Any, Any, Any],
    pixels: Any,
    channels: Any,
) -> Any:
    """Compute so many pixels of an output row from `start` on: image, row, pixel, channel.

    Only where a row is one pixel may the channels be fewer than all: their number is also the distance
    between two pixels.
    """
    plane, weights, *of_channels = inputs
    n, y, pixel, channel = start
    how, window = load.requantization, load.window
    return tirx.Evaluate(
        tirx.call_extern(
            "void",
            function,
            tirx.address_of(plane[n, y * window.stride_h, pixel * window.stride_w, 0]),
            tirx.address_of(weights[channel * runs.packed_bytes]),
            *(tirx.address_of(values[channel * runs.factor_copies]) for values in of_channels),
            tirx.address_of(out[n, y, pixel, channel]),
            pixels,
            runs.pixel_stride,
            runs.segments,
            runs.stride,
            runs.length if runs.is_counted_in_bytes else runs.units,
            channels,
            how.zero_point,
            how.low,
            how.high,
        )
    )

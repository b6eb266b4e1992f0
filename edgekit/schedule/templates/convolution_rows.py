"""Convolution by rows: a hand-written micro-kernel computes whole rows of output pixels.

What one output pixel reads are runs of bytes, one for each row of the filter: kernel_w * in_channels of
them lie side by side. The micro-kernel (kernels/neon/convolution_row.h) multiplies 16 at a time, so runs
are padded to a multiple of that; the broadcasting template serves where too little of a run would be real.

Parameters: `pixels` per tile.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te, tirx

from edgekit.compute.convolution import Convolution, pad_plane
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHANNELS, _CHUNK, _MOST_PIXELS = 4, 16, 4  # as in convolution_row.h
_LEAST_REAL_SHARE = (
    0.4  # of a run, or broadcasting takes fewer instructions: about 0.24 against 0.6 a product
)
OVERREAD_BYTES = _CHUNK - 1


@dataclasses.dataclass(frozen=True)
class Runs:
    """What one output pixel reads."""

    segments: int
    length: int
    stride: int  # bytes between the starts of two runs
    pixel_stride: int

    @property
    def chunks(self) -> int:
        """Vectors of 16 bytes in a run."""
        return round_up(self.length, _CHUNK) // _CHUNK


def fits_rows(load: Convolution, *, lowest_weight: int) -> bool:
    """Whether the micro-kernel can compute a convolution, and does so in fewer instructions.

    Two products of a weight of -128 may not fit the int16 that they are added in.
    """
    if load.depthwise or load.groups != 1 or load.window.dilation_w != 1 or lowest_weight == -128:
        return False
    runs = _runs(flatten_pixels(load))
    return runs.length >= _LEAST_REAL_SHARE * runs.chunks * _CHUNK


def schedule_convolution_rows(load: Convolution) -> Scheduled:
    """The kernel of a convolution that `fits_rows`."""
    load = flatten_pixels(load)
    runs = _runs(load)
    return Scheduled(
        te.create_prim_func(_expressions(load, runs)),
        {
            1: lambda weights: pack_weights(weights, load, runs),
            2: _pad_channels,
            3: _pad_channels,
            4: _pad_channels,
        },
        kernels="neon",
        overread_bytes=OVERREAD_BYTES,
    )


def _runs(load: Convolution) -> Runs:
    window = load.window
    _, width = load.plane
    return Runs(
        segments=window.kernel_h,
        length=window.kernel_w * load.in_channels,
        stride=width * load.in_channels * window.dilation_h,
        pixel_stride=window.stride_w * load.in_channels,
    )


def pack_weights(weights: NDArray[np.int8], load: Convolution, runs: Runs) -> NDArray[np.int8]:
    """[out, kernel_h, kernel_w, in] to [block of 4 channels, segment, chunk, channel, 16], padded with zeros."""
    flat = weights.reshape(load.out_channels, runs.segments, runs.length)
    blocks = round_up(load.out_channels, _CHANNELS) // _CHANNELS
    padded = np.zeros((blocks * _CHANNELS, runs.segments, runs.chunks * _CHUNK), np.int8)
    padded[: load.out_channels, :, : runs.length] = flat
    split = padded.reshape(blocks, _CHANNELS, runs.segments, runs.chunks, _CHUNK)
    return np.ascontiguousarray(split.transpose(0, 2, 3, 1, 4)).reshape(-1)


def _pad_channels(values: NDArray[Any]) -> NDArray[Any]:
    """Whole blocks of channels; padding repeats the last value."""
    return np.pad(values, (0, -len(values) % _CHANNELS), mode="edge")


def _expressions(load: Convolution, runs: Runs) -> list[te.Tensor]:
    window = load.window
    blocks = round_up(load.out_channels, _CHANNELS) // _CHANNELS
    x = te.placeholder((load.batch, load.height, load.width, load.in_channels), "int8", "x")
    size = blocks * runs.segments * runs.chunks * _CHANNELS * _CHUNK
    weights = te.placeholder((size,), "int8", "weights")
    bias, multiplier, shift = (
        te.placeholder((blocks * _CHANNELS,), "int32", name) for name in ("bias", "multiplier", "shift")
    )
    plane = pad_plane(x, load)
    reads = [plane, weights, bias, multiplier, shift]
    shape = (load.batch, load.out_height, load.out_width, load.out_channels)

    def rows(inputs: list[Any], outputs: list[Any]) -> Any:
        n, y = tirx.Var("n", "int32"), tirx.Var("y", "int32")
        pixels, *constants = inputs
        call = tirx.call_extern(
            "void",
            _kernel(load),
            tirx.address_of(pixels[n, y * window.stride_h, 0, 0]),
            *(tirx.address_of(constant[0]) for constant in constants),
            tirx.address_of(outputs[0][n, y, 0, 0]),
            *_numbers(load, runs),
        )
        row = tirx.For(y, 0, load.out_height, tirx.ForKind.SERIAL, tirx.Evaluate(call))
        return tirx.For(n, 0, load.batch, tirx.ForKind.SERIAL, row)

    out = te.extern(
        shape,
        reads,
        rows,
        name="out",
        dtype="int8",
        in_buffers=[tirx.decl_buffer(t.shape, t.dtype, t.op.name) for t in reads],
        out_buffers=[tirx.decl_buffer(shape, "int8", "out")],
    )
    return [x, weights, bias, multiplier, shift, out]


def _kernel(load: Convolution) -> str:
    form = load.requantization.form
    general = "_general" if form.has_left_shift or form.may_not_shift else ""
    return f"ek_convolution_row_{min(load.out_width, _MOST_PIXELS)}{general}"


def _numbers(load: Convolution, runs: Runs) -> tuple[int, ...]:
    how = load.requantization
    return (
        load.out_width,
        runs.pixel_stride,
        runs.segments,
        runs.stride,
        runs.chunks,
        load.out_channels,
        how.zero_point,
        how.low,
        how.high,
    )

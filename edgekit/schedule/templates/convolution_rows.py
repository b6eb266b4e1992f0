"""Convolution by rows: a hand-written micro-kernel computes whole rows of output pixels.

What one output pixel reads are runs of bytes, one for each row of the filter: kernel_w * in_channels of
them lie side by side. The micro-kernels (edgekit/kernels/neon) multiply units of 16 or 4 bytes, so runs are
padded to a multiple of that; the broadcasting template serves where too little of a run would be real.

Parameters: `pixels` and `channels` per tile.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te, tirx

from edgekit.compute.convolution import Convolution, pad_plane
from edgekit.schedule.cpu import RowKernel
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_PIXELS = 4  # a tile, in every micro-kernel
_UNIT_BYTES = {RowKernel.MLAL: 16, RowKernel.DOT: 4}
_LEAST_REAL_SHARE = 0.4  # of a run; below it broadcasting takes fewer instructions
OVERREAD_BYTES = 15  # micro-kernels load 16 bytes at a time


@dataclasses.dataclass(frozen=True)
class Runs:
    """What one output pixel reads, and how the micro-kernel takes it."""

    segments: int
    length: int
    stride: int  # bytes between the starts of two runs
    pixel_stride: int
    unit: int  # bytes
    channels: int  # per tile

    @property
    def units(self) -> int:
        """Units of a run, padding included."""
        return round_up(self.length, self.unit) // self.unit


def fits_rows(load: Convolution, kernel: RowKernel, *, lowest_weight: int) -> bool:
    """Whether a micro-kernel can compute a convolution, and does so in fewer instructions.

    Without dot products, two products of a weight of -128 may not fit the int16 that they are added in.
    """
    if load.depthwise or load.groups != 1 or load.window.dilation_w != 1:
        return False
    if kernel is RowKernel.MLAL and lowest_weight == -128:
        return False
    runs = _runs(flatten_pixels(load), kernel)
    return runs.length >= _LEAST_REAL_SHARE * runs.units * runs.unit


def schedule_convolution_rows(load: Convolution, kernel: RowKernel) -> Scheduled:
    """The kernel of a convolution that `fits_rows`."""
    load = flatten_pixels(load)
    runs = _runs(load, kernel)

    def pad_channels(values: NDArray[Any]) -> NDArray[Any]:
        return np.pad(values, (0, -len(values) % runs.channels), mode="edge")

    return Scheduled(
        te.create_prim_func(row_expressions(load, runs, _function(load, runs, kernel))),
        {
            1: lambda weights: pack_weights(weights, load, runs),
            2: pad_channels,
            3: pad_channels,
            4: pad_channels,
        },
        kernels="neon",
        overread_bytes=OVERREAD_BYTES,
    )


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
    weights = te.placeholder((width * runs.segments * runs.units * runs.unit,), "int8", "weights")
    bias, multiplier, shift = (
        te.placeholder((width,), "int32", name) for name in ("bias", "multiplier", "shift")
    )
    reads = [pad_plane(x, load), weights, bias, multiplier, shift]
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
    """One call of the micro-kernel for each row of output."""
    n, y = tirx.Var("n", "int32"), tirx.Var("y", "int32")
    plane, *constants = inputs
    how = load.requantization
    call = tirx.call_extern(
        "void",
        function,
        tirx.address_of(plane[n, y * load.window.stride_h, 0, 0]),
        *(tirx.address_of(constant[0]) for constant in constants),
        tirx.address_of(out[n, y, 0, 0]),
        load.out_width,
        runs.pixel_stride,
        runs.segments,
        runs.stride,
        runs.units,
        load.out_channels,
        how.zero_point,
        how.low,
        how.high,
    )
    row = tirx.For(y, 0, load.out_height, tirx.ForKind.SERIAL, tirx.Evaluate(call))
    return tirx.For(n, 0, load.batch, tirx.ForKind.SERIAL, row)


def _function(load: Convolution, runs: Runs, kernel: RowKernel) -> str:
    form = load.requantization.form
    tile = str(min(load.out_width, _MOST_PIXELS))
    if kernel is RowKernel.DOT:
        tile += f"x{runs.channels}"
    general = "_general" if form.has_left_shift or form.may_not_shift else ""
    return f"ek_convolution_row_{kernel}_{tile}{general}"

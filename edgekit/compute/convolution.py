"""Convolution, depthwise convolution and the fully connected layer, in the model's own weight layout.

Zero points cost nothing inside the loops: the input's is folded into the bias
(bias - zero_point * sum(weights)) and the padding is filled with it, so products are int8 x int8.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te, tirx

from edgekit.compute.fixed_point import Requantization, requantize

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True, kw_only=True)
class Window:
    """How a filter window moves over a height x width plane."""

    kernel_h: int
    kernel_w: int
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    pad_top: int = 0
    pad_left: int = 0

    @property
    def taps_by_pixel(self) -> int:
        """Columns of the filter by which it moves from pixel to pixel; 0 where that is no whole number."""
        return 0 if self.stride_w % self.dilation_w else self.stride_w // self.dilation_w

    def padded_size(self, out_height: int, out_width: int) -> tuple[int, int]:
        """Height and width of the padded plane that `out_height` x `out_width` windows read."""
        return (
            (out_height - 1) * self.stride_h + (self.kernel_h - 1) * self.dilation_h + 1,
            (out_width - 1) * self.stride_w + (self.kernel_w - 1) * self.dilation_w + 1,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Convolution:
    """The workload of one convolution (`depthwise`: one filter per output channel).

    `groups` splits the channels of an ordinary convolution; a fully connected layer is a 1x1
    convolution over a plane one pixel high and `batch` pixels wide.
    """

    batch: int
    height: int
    width: int
    in_channels: int
    out_height: int
    out_width: int
    out_channels: int
    window: Window
    groups: int = 1
    depthwise: bool = False
    pad_value: int = 0
    requantization: Requantization

    @property
    def is_pointwise(self) -> bool:
        """Whether every output pixel reads exactly its own input pixel."""
        window = self.window
        one = window.kernel_h == window.kernel_w == window.stride_h == window.stride_w == 1
        return one and self.reads_input and (self.height, self.width) == (self.out_height, self.out_width)

    @property
    def reads_input(self) -> bool:
        """Whether windows stay inside the input and start at its corner, so that no padding is needed.

        Sizes do not tell: a plane that is padded before may end before the input does.
        """
        window = self.window
        high, wide = window.padded_size(self.out_height, self.out_width)
        return window.pad_top == window.pad_left == 0 and high <= self.height and wide <= self.width

    @property
    def plane(self) -> tuple[int, int]:
        """Height and width of the plane that windows read: the input itself where they stay inside it."""
        if self.reads_input:
            return self.height, self.width
        return self.window.padded_size(self.out_height, self.out_width)

    @property
    def macs(self) -> int:
        """Multiply-accumulates, padding counted."""
        taps = self.window.kernel_h * self.window.kernel_w
        depth = 1 if self.depthwise else self.in_channels // self.groups
        return self.batch * self.out_height * self.out_width * self.out_channels * taps * depth


def fold_zero_point(
    weights: NDArray[np.int8], bias: NDArray[np.int32] | None, zero_point: int, channel_axis: int
) -> tuple[NDArray[np.int32], int]:
    """The bias with the input's zero point folded in, and a bound on the absolute accumulator.

    Sums wrap in 32 bits, as the reference's accumulator would.
    """
    others = tuple(axis for axis in range(weights.ndim) if axis != channel_axis)
    wide = weights.astype(np.int64)
    folded = -zero_point * wide.sum(axis=others)
    if bias is not None:
        folded = folded + bias.astype(np.int64)
    bound = int((np.abs(folded) + 128 * np.abs(wide).sum(axis=others)).max())
    return folded.astype(np.int32), min(bound, (1 << 31) - 1)


def pad_plane(x: te.Tensor, load: Convolution, *, channels: int | None = None, expand: int = 1) -> te.Tensor:
    """The input as windows read it: padded with its zero point, `channels` deep.

    Channel c comes from channel c // expand of `x`; channels past the last are padding too.
    Returns `x` itself where there is nothing to do.
    """
    high, wide = load.plane
    depth = load.in_channels * expand if channels is None else channels
    if load.reads_input and (depth, expand) == (load.in_channels, 1):
        return x
    top, left, real = load.window.pad_top, load.window.pad_left, load.in_channels * expand

    def element(n: Any, y: Any, col: Any, c: Any) -> Any:
        inside = []
        if top > 0:
            inside.append(y >= top)
        if high - top > load.height:
            inside.append(y < top + load.height)
        if left > 0:
            inside.append(col >= left)
        if wide - left > load.width:
            inside.append(col < left + load.width)
        if depth > real:
            inside.append(c < real)
        value = x[n, y - top, col - left, c // expand if expand > 1 else c]
        if not inside:
            return value
        return tirx.if_then_else(tirx.all(*inside), value, tirx.const(load.pad_value, "int8"))

    return te.compute((load.batch, high, wide, depth), element, name="padded")


def convolution(
    x: te.Tensor,
    weights: te.Tensor,
    bias: te.Tensor,
    multiplier: te.Tensor,
    shift: te.Tensor,
    load: Convolution,
) -> te.Tensor:
    """int8 [batch, out_height, out_width, out_channels] of int8 `x` [batch, height, width, in_channels].

    `weights` are int8 [out_channels, kernel_h, kernel_w, in_channels / groups], or for depthwise
    [kernel_h, kernel_w, out_channels]; `bias`, `multiplier` and `shift` int32 [out_channels].
    """
    window = load.window
    plane = pad_plane(x, load)
    ry = te.reduce_axis((0, window.kernel_h), "ry")
    rx = te.reduce_axis((0, window.kernel_w), "rx")
    depth = 1 if load.depthwise else load.in_channels // load.groups
    rk = te.reduce_axis((0, depth), "rk")
    per_input = load.out_channels // load.in_channels if load.depthwise else 1
    per_group = load.out_channels // load.groups

    def product(n: Any, y: Any, col: Any, o: Any) -> Any:
        row = y * window.stride_h + ry * window.dilation_h
        column = col * window.stride_w + rx * window.dilation_w
        if load.depthwise:
            value, weight = plane[n, row, column, o // per_input + rk], weights[ry, rx, o]
        else:
            channel = rk if load.groups == 1 else o // per_group * depth + rk
            value, weight = plane[n, row, column, channel], weights[o, ry, rx, rk]
        return te.sum(value.astype("int32") * weight.astype("int32"), axis=[ry, rx, rk])

    shape = (load.batch, load.out_height, load.out_width, load.out_channels)
    acc = te.compute(shape, product, name="acc")
    # A stage of its own: fused into the requantize, the sum would be widened operand by operand.
    biased = te.compute(shape, lambda n, y, col, o: acc[n, y, col, o] + bias[o], name="biased")
    return te.compute(
        shape,
        lambda n, y, col, o: requantize(biased[n, y, col, o], multiplier[o], shift[o], load.requantization),
        name="out",
    )

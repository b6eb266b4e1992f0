"""The kernel around a micro-kernel that computes rows of a depthwise convolution on x86."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from tvm import te, tirx

from edgekit.compute.convolution import pad_plane
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.sharing import shared_span
from edgekit.schedule.templates.micro_kernels import (
    calling_stage,
    constant_packers,
    convolution_operands,
)
from edgekit.schedule.templates.padding import vectorize_function_padding

if TYPE_CHECKING:
    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.scheduled import Packer

_PIXELS = 8  # that a thread computes at least, of a single row


def depthwise_rows(
    load: Convolution, function: str, packed_bytes: int, lanes: int, pack: Packer
) -> Scheduled:
    """Call a micro-kernel for the rows of a depthwise convolution.

    It takes vectors of so many `lanes`, so that fewer channels are padded to one; what `pack` makes of the
    weights takes `packed_bytes`.
    """
    width = max(load.out_channels, lanes)
    return Scheduled(
        vectorize_function_padding(te.create_prim_func(_expressions(load, function, packed_bytes, width))),
        constant_packers(pack, width),
        kernels="x86",
        overread_bytes=lanes - 1,  # where there are fewer channels than lanes
    )


def _expressions(load: Convolution, function: str, packed_bytes: int, width: int) -> list[te.Tensor]:
    x, *constants = convolution_operands(load, packed_bytes, width)
    plane, rest = _repeated(x, load)
    out = calling_stage(
        [plane, *constants],
        {"out": (load.batch, load.out_height, load.out_width, load.out_channels)},
        lambda inputs, outputs: _calls(inputs, outputs[0], rest, function),
    )
    return [x, *constants, out]


def _repeated(x: te.Tensor, load: Convolution) -> tuple[te.Tensor, Convolution]:
    """An input with one channel a filter, and what is left to do with it.

    Micro-kernels pad by themselves; where channels must be repeated, that pads too.
    """
    filters = load.out_channels // load.in_channels
    if filters == 1:
        return x, load
    plane = pad_plane(x, load, expand=filters)
    _, height, width, channels = (int(extent) for extent in plane.shape)
    window = dataclasses.replace(load.window, pad_top=0, pad_left=0)
    return plane, dataclasses.replace(load, height=height, width=width, in_channels=channels, window=window)


def _calls(inputs: list[Any], out: Any, load: Convolution, function: str) -> Any:
    """What a call keeps in registers serves all rows. Threads share these, or the pixels of the only one."""
    n = tirx.Var("n", "int32")
    x, *constants = inputs
    how, window = load.requantization, load.window
    y, rows = shared_span(load.out_height, 1) if load.out_height > 1 else (0, 1)
    pixel, pixels = (0, load.out_width) if load.out_height > 1 else shared_span(load.out_width, _PIXELS)
    call = tirx.call_extern(
        "void",
        function,
        tirx.address_of(x[n, 0, 0, 0]),
        *(tirx.address_of(constant[0]) for constant in constants),
        tirx.address_of(out[n, y, pixel, 0]),
        y,
        rows,
        pixels,
        load.out_channels,
        load.height,
        load.width,
        window.kernel_h,
        window.kernel_w,
        window.stride_h,
        window.stride_w,
        window.dilation_h,
        window.dilation_w,
        window.pad_top,
        window.pad_left - pixel * window.stride_w,
        load.pad_value,
        how.zero_point,
        how.low,
        how.high,
    )
    body = tirx.IfThenElse(rows * pixels > 0, tirx.Evaluate(call), None)
    return tirx.For(n, 0, load.batch, tirx.ForKind.SERIAL, body)

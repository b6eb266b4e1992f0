"""Depthwise convolution by rows: a hand-written micro-kernel computes whole rows of output pixels.

The micro-kernels (edgekit/kernels/neon/depthwise_row.h) take vectors of 8 channels. The last vector may
overlap the one before it, so that only fewer than 8 channels need padding. An input channel with several
filters is repeated, when the plane is padded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te, tirx

from edgekit.compute.convolution import Convolution, pad_plane
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.sharing import shared_span
from edgekit.schedule.template import Job, Parameters, Template, one_point
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.micro_kernels import (
    calling_stage,
    constant_packers,
    convolution_operands,
)
from edgekit.schedule.templates.padding import pad_rows, vectorize_function_padding
from edgekit.schedule.templates.row_form import tile_form
from edgekit.schedule.tiles import overlapping_starts, round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.schedule.cpu import CpuClass

LANES = 8
_PIXELS = 8  # of a part of a row: whole tiles
_FILTERS = ("3x3_by_1", "3x3_by_2", "1x5_by_1", "1x9_by_1", "1x9_by_2")  # that have instances of their own
OVERREAD_BYTES = LANES - 1  # where there are fewer channels


def _fits(job: Job, cpu: CpuClass) -> bool:
    """Two products of a weight of -128 may not fit the int16 that they are added in."""
    return cpu.has_neon and job.lowest_weight is not None and job.lowest_weight > -128


def _apply(job: Job, _cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)
    packed = round_up(load.out_channels, LANES) * load.window.kernel_h * load.window.kernel_w
    function = f"ek_depthwise_row_{_filter_name(load)}_{tile_form(load.requantization)}"
    expressions = depthwise_expressions(load, load, packed, function)
    return Scheduled(
        vectorize_function_padding(te.create_prim_func(expressions)),
        constant_packers(lambda weights: pack_weights(weights, load), max(load.out_channels, LANES)),
        kernels="neon",
        overread_bytes=OVERREAD_BYTES,
    )


DEPTHWISE_ROWS = Template(
    name="depthwise_rows", kind="depthwise", version=2, fits=_fits, space=one_point, apply=_apply
)


def pack_weights(weights: NDArray[np.int8], load: Convolution) -> NDArray[np.int8]:
    """[kernel_h, kernel_w, channel] to [block of 8 channels, kernel_h, kernel_w, lane]; all blocks whole."""
    channels = load.out_channels
    taps = weights.reshape(-1, channels)
    if channels < LANES:
        taps = np.pad(taps, ((0, 0), (0, LANES - channels)))
    return np.concatenate(
        [taps[:, start : start + LANES].reshape(-1) for start in overlapping_starts(channels, LANES)]
    )


def depthwise_expressions(
    load: Convolution, reads: Convolution, packed_bytes: int, function: str, *, least_rows: int = 1
) -> list[te.Tensor]:
    """One call of a micro-kernel, with the operands of kernels/common/depthwise_row.h, for each image.

    The plane is padded for what `reads` would read, which is `load` or a little more. A call computes
    `least_rows` rows of output at least, if there are more than one.
    """
    channels = load.out_channels
    x, *constants = convolution_operands(load, packed_bytes, max(channels, LANES))
    filters = channels // load.in_channels
    plane = pad_rows(x, reads) if filters == 1 else pad_plane(x, reads, expand=filters)
    out = calling_stage(
        [plane, *constants],
        {"out": (load.batch, load.out_height, load.out_width, channels)},
        lambda inputs, outputs: _calls(inputs, outputs[0], load, reads.plane[1], function, least_rows),
    )
    return [x, *constants, out]


def _calls(inputs: list[Any], out: Any, load: Convolution, width: int, function: str, least_rows: int) -> Any:
    """What a call keeps in registers serves all rows. Threads share these, or the pixels of the only one."""
    n = tirx.Var("n", "int32")
    plane, *constants = inputs
    how, window, channels = load.requantization, load.window, load.out_channels
    y, rows = shared_span(load.out_height, least_rows) if load.out_height > 1 else (0, 1)
    pixel, pixels = (0, load.out_width) if load.out_height > 1 else shared_span(load.out_width, _PIXELS)
    call = tirx.call_extern(
        "void",
        function,
        tirx.address_of(plane[n, y * window.stride_h, pixel * window.stride_w, 0]),
        *(tirx.address_of(constant[0]) for constant in constants),
        tirx.address_of(out[n, y, pixel, 0]),
        rows,
        window.stride_h * width * channels,
        pixels,
        window.stride_w * channels,
        window.dilation_w * channels,
        window.dilation_h * width * channels,
        window.kernel_h,
        window.kernel_w,
        channels,
        how.zero_point,
        how.low,
        how.high,
    )
    body = tirx.IfThenElse(rows * pixels > 0, tirx.Evaluate(call), None)
    return tirx.For(n, 0, load.batch, tirx.ForKind.SERIAL, body)


def _filter_name(load: Convolution) -> str:
    window = load.window
    name = f"{window.kernel_h}x{window.kernel_w}_by_{window.taps_by_pixel}"
    return name if name in _FILTERS and load.out_channels >= LANES else "any"

"""Convolution on x86 with AMX: tile registers multiply what 16 pixels read by the weights of 16 channels.

For layers with several pixels. The micro-kernel (edgekit/kernels/x86/convolution_row_amx.h) takes units of
64 bytes of what a pixel reads, and cuts its tiles by itself, for any number of pixels and channels.

Parameter: `input`. 1x1 convolutions read it where it is. For filters that move by one pixel it may be padded,
and the padded plane is read as one long row of pixels: those between two rows of output are computed for
nothing ("plane", both). Or what each pixel reads is gathered, as in x86_patches.py ("patches").

Threads share the channels of a plane that has fewer bytes than the weights, so that no two read the same
weights; of any other its rows, or the pixels of the only row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te, tirx

from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.sharing import share_begin, share_end, shared_span
from edgekit.schedule.template import Job, Parameters, Template
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.convolution_rows import Runs, pack_weights, row_call
from edgekit.schedule.templates.micro_kernels import (
    calling_stage,
    constant_packers,
    convolution_operands,
    seen,
)
from edgekit.schedule.templates.padding import pad_rows, vectorize_function_padding
from edgekit.schedule.templates.x86_form import x86_form
from edgekit.schedule.templates.x86_patches import depth_of, divide, patch_expressions
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.cpu import CpuClass
    from edgekit.schedule.scheduled import Packer

OVERREAD_BYTES = 63  # whole units are read
_UNIT, _FOUR, _LANES = 64, 4, 16
_STRIP_BYTES = 128 << 10  # of patches: a small part of the second cache
_PAIR = 32  # pixels that the micro-kernel takes at once, at most
_LEAST_PIXELS = 8  # of a thread too
_LEAST_DEPTH, _LEAST_PATCH = 16, 48  # bytes that a pixel reads: fewer are multiplied as fast without tiles
_SHARED_CHANNELS = 32  # of a thread, at least
# Roughly: a pixel's products of a unit and 16 channels; their weights, if the second cache does not hold
# all of a layer; 64 gathered bytes; 64 padded ones.
_PRODUCTS_CYCLES, _WEIGHTS_CYCLES, _GATHERED_CYCLES, _PADDED_CYCLES = 1.5, 150, 5, 2


def _fits(job: Job, cpu: CpuClass) -> bool:
    load = job.workload
    return (
        cpu.has_amx
        and load.groups == 1
        and load.window.dilation_w == 1
        and load.batch * load.out_height * load.out_width >= _LEAST_PIXELS
        and depth_of(load) >= (_LEAST_DEPTH if load.is_pointwise else _LEAST_PATCH)
    )


def _space(job: Job, _cpu: CpuClass) -> tuple[Parameters, ...]:
    load = flatten_pixels(job.workload)
    choices = ["plane", "patches"]
    if load.is_pointwise:
        choices = ["plane"]
    elif load.window.stride_h != 1 or load.window.stride_w != 1:
        choices = ["patches"]
    return tuple(Parameters(input=name) for name in sorted(choices, key=lambda name: _cycles(load, name)))


def _apply(job: Job, _cpu: CpuClass, parameters: Parameters) -> Scheduled:
    load, form = flatten_pixels(job.workload), x86_form(job.workload.requantization)
    if parameters["input"] == "plane":
        runs = _plane_runs(load)
        expressions = _plane_expressions(load, runs, f"ek_convolution_plane_amx_{form}")
    else:
        runs = _patch_runs(load)
        strips = divide(load.out_height * load.out_width, runs.pixel_stride, _PAIR, _STRIP_BYTES)
        expressions = patch_expressions(load, runs, strips, f"ek_convolution_row_amx_{form}")
    return Scheduled(
        vectorize_function_padding(te.create_prim_func(expressions)),
        _packers(load, runs),
        kernels="x86",
        overread_bytes=OVERREAD_BYTES,
    )


X86_AMX = Template(name="x86_amx", kind="convolution", version=2, fits=_fits, space=_space, apply=_apply)


def _cycles(load: Convolution, choice: str) -> float:
    """Roughly what it takes, less what scaling does."""
    blocks, before = -(-load.out_channels // _LANES), 0.0
    if choice == "patches":
        units, pixels = _patch_runs(load).length // _UNIT, load.out_height * load.out_width
        before = pixels * units * _GATHERED_CYCLES
    else:
        high, wide = load.plane
        units, pixels = _plane_runs(load).length // _UNIT * load.window.kernel_h, load.out_height * wide
        if not load.reads_input:
            before = high * wide * load.in_channels / _UNIT * _PADDED_CYCLES
    return before + units * blocks * max(pixels * _PRODUCTS_CYCLES, _WEIGHTS_CYCLES)


def _patch_runs(load: Convolution) -> Runs:
    whole = round_up(depth_of(load), _UNIT)
    return Runs(
        segments=1,
        length=whole,
        stride=0,
        pixel_stride=whole,
        unit=_FOUR,
        is_counted_in_bytes=True,
        channels=_LANES,
    )


def _plane_runs(load: Convolution) -> Runs:
    _, wide = load.plane
    return Runs(
        segments=load.window.kernel_h,
        length=round_up(load.window.kernel_w * load.in_channels, _UNIT),
        stride=wide * load.in_channels * load.window.dilation_h,
        pixel_stride=load.in_channels,
        unit=_FOUR,
        is_counted_in_bytes=True,
        channels=_LANES,
    )


def _packers(load: Convolution, runs: Runs) -> dict[int, Packer]:
    """How a call's weights, biases, multipliers and shifts are laid out."""

    def pack(weights: NDArray[np.int8]) -> NDArray[np.int8]:
        rows = weights.reshape(load.out_channels, runs.segments, -1)
        return pack_weights(np.pad(rows, ((0, 0), (0, 0), (0, runs.length - rows.shape[2]))), load, runs)

    return constant_packers(pack, round_up(load.out_channels, runs.channels))


def _plane_expressions(load: Convolution, runs: Runs, function: str) -> list[te.Tensor]:
    """Padding, then a call of the micro-kernel `function` for a thread's rows of output."""
    width = round_up(load.out_channels, runs.channels)
    x, *constants = convolution_operands(load, width * runs.packed_bytes, width)
    out = calling_stage(
        [pad_rows(x, load), *constants],
        {"out": (load.batch, load.out_height, load.out_width, load.out_channels)},
        lambda inputs, outputs: _plane_calls(inputs, outputs[0], load, runs, function),
    )
    return [x, *constants, out]


def _plane_calls(inputs: list[Any], out: Any, load: Convolution, runs: Runs, function: str) -> Any:
    """One call for a thread's part of an image."""
    n = tirx.Var("n", "int32")
    plane, *constants = inputs
    high, wide = load.plane
    y, pixel, pixels = 0, 0, (load.out_height - 1) * wide + load.out_width
    channel, channels = 0, load.out_channels
    if load.out_channels * runs.packed_bytes > high * wide * load.in_channels:
        channel, channels = shared_span(load.out_channels, _SHARED_CHANNELS)
        part = channels
    elif load.out_height > 1:
        y = share_begin(load.out_height)
        part = share_end(load.out_height) - y
        pixels = (part - 1) * wide + load.out_width
    else:
        pixel, pixels = shared_span(load.out_width, _LEAST_PIXELS)
        part = pixels
    call = row_call(
        function,
        [plane[n, y, pixel, 0], *(constant[0] for constant in constants), out[n, y, pixel, 0]],
        pixels,
        load,
        runs,
        load.out_channels,
        wide,
        load.out_width,
        channel,
        channel + channels,
    )
    end = seen(plane, load.batch - 1, high - 1, wide - 1, load.in_channels - 1)
    body = tirx.SeqStmt([end, tirx.IfThenElse(part > 0, call, None)])
    return tirx.For(n, 0, load.batch, tirx.ForKind.SERIAL, body)

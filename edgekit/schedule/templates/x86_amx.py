"""Convolution on x86 with AMX: tile registers multiply what 16 pixels read by the weights of 16 channels.

For layers with several pixels. The micro-kernel (edgekit/kernels/x86/convolution_row_amx.h) takes units of
64 bytes of what a pixel reads, and cuts its tiles by itself, for any number of pixels and channels.

Parameter: `input`. 1x1 convolutions read it where it is ("direct"). For filters that move by one pixel it
may be padded: the padded plane is read as one long row of pixels, and those between two rows of output are
computed for nothing ("padded"). Or what each pixel reads is gathered, as in x86_patches.py ("gathered").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te, tirx

from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.sharing import share_begin, share_end
from edgekit.schedule.template import Job, Parameters, Template
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.convolution_rows import Runs, pack_weights, row_expressions
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
_LEAST_PIXELS = 8
_LEAST_DEPTH = 16
# Roughly, in cycles: a pixel's products of a unit and 16 channels, 64 gathered bytes, 64 padded ones.
_PRODUCTS_CYCLES, _GATHERED_CYCLES, _PADDED_CYCLES = 1.5, 5, 2


def _fits(job: Job, cpu: CpuClass) -> bool:
    load = job.workload
    return (
        cpu.has_amx
        and load.groups == 1
        and load.window.dilation_w == 1
        and load.batch * load.out_height * load.out_width >= _LEAST_PIXELS
        and depth_of(load) >= _LEAST_DEPTH
    )


def _space(job: Job, _cpu: CpuClass) -> tuple[Parameters, ...]:
    load = flatten_pixels(job.workload)
    if load.is_pointwise:
        return (Parameters(input="direct"),)
    if load.window.stride_h != 1 or load.window.stride_w != 1:
        return (Parameters(input="gathered"),)
    choices = sorted(("gathered", "padded"), key=lambda choice: _cycles(load, choice))
    return tuple(Parameters(input=choice) for choice in choices)


def _apply(job: Job, _cpu: CpuClass, parameters: Parameters) -> Scheduled:
    load, form = flatten_pixels(job.workload), x86_form(job.workload.requantization)
    runs = _plane_runs(load) if parameters["input"] == "padded" else _patch_runs(load)
    match parameters["input"]:
        case "direct":
            expressions = row_expressions(load, runs, f"ek_convolution_row_amx_{form}")
        case "padded":
            expressions = _plane_expressions(load, runs, f"ek_convolution_plane_amx_{form}")
        case _:
            strips = divide(load.out_height * load.out_width, runs.pixel_stride, _PAIR, _STRIP_BYTES)
            expressions = patch_expressions(load, runs, strips, f"ek_convolution_row_amx_{form}")
    return Scheduled(
        vectorize_function_padding(te.create_prim_func(expressions)),
        _packers(load, runs),
        kernels="x86",
        overread_bytes=OVERREAD_BYTES,
    )


X86_AMX = Template(name="x86_amx", kind="convolution", version=1, fits=_fits, space=_space, apply=_apply)


def _cycles(load: Convolution, choice: str) -> float:
    """Roughly what it takes, less what scaling does."""
    blocks = -(-load.out_channels // _LANES)
    if choice == "gathered":
        units = round_up(depth_of(load), _UNIT) // _UNIT
        pixels = load.out_height * load.out_width
        return pixels * units * (blocks * _PRODUCTS_CYCLES + _GATHERED_CYCLES)
    units = _plane_runs(load).length // _UNIT * load.window.kernel_h
    high, wide = load.plane
    padding = 0.0 if load.reads_input else high * wide * load.in_channels / _UNIT * _PADDED_CYCLES
    return load.out_height * wide * units * blocks * _PRODUCTS_CYCLES + padding


def _patch_runs(load: Convolution) -> Runs:
    depth = depth_of(load)
    whole = round_up(depth, _UNIT)
    return Runs(
        segments=1,
        length=whole,
        stride=0,
        pixel_stride=depth if load.is_pointwise else whole,
        unit=_FOUR,
        is_counted_in_bytes=True,
        channels=_LANES,
        least_pixels=_LEAST_PIXELS,
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

    def pad_channels(values: NDArray[Any]) -> NDArray[Any]:
        return np.pad(values, (0, -len(values) % runs.channels), mode="edge")

    return {1: pack, 2: pad_channels, 3: pad_channels, 4: pad_channels}


def _plane_expressions(load: Convolution, runs: Runs, function: str) -> list[te.Tensor]:
    """Padding, then a call of the micro-kernel `function` for a thread's rows of output."""
    width = round_up(load.out_channels, runs.channels)
    x = te.placeholder((load.batch, load.height, load.width, load.in_channels), "int8", "x")
    weights = te.placeholder((width * runs.packed_bytes,), "int8", "weights")
    bias, multiplier, shift = (
        te.placeholder((width,), "int32", name) for name in ("bias", "multiplier", "shift")
    )
    reads = [pad_rows(x, load), weights, bias, multiplier, shift]
    shape = (load.batch, load.out_height, load.out_width, load.out_channels)
    out = te.extern(
        shape,
        reads,
        lambda inputs, outputs: _plane_calls(inputs, outputs[0], load, runs, function),
        name="out",
        dtype="int8",
        # Buffers of our own: te's would have offsets that nothing defines.
        in_buffers=[tirx.decl_buffer(tensor.shape, tensor.dtype, tensor.op.name) for tensor in reads],
        out_buffers=[tirx.decl_buffer(shape, "int8", "out")],
    )
    return [x, weights, bias, multiplier, shift, out]


def _plane_calls(inputs: list[Any], out: Any, load: Convolution, runs: Runs, function: str) -> Any:
    n = tirx.Var("n", "int32")
    plane, *constants = inputs
    how, (_, wide) = load.requantization, load.plane
    first, end = share_begin(load.out_height), share_end(load.out_height)
    call = tirx.call_extern(
        "void",
        function,
        tirx.address_of(plane[n, first, 0, 0]),
        *(tirx.address_of(constant[0]) for constant in constants),
        tirx.address_of(out[n, first, 0, 0]),
        (end - first - 1) * wide + load.out_width,
        runs.pixel_stride,
        runs.segments,
        runs.stride,
        runs.length,
        load.out_channels,
        how.zero_point,
        how.low,
        how.high,
        wide,
        load.out_width,
    )
    body = tirx.IfThenElse(first < end, tirx.Evaluate(call), None)
    return tirx.For(n, 0, load.batch, tirx.ForKind.SERIAL, body)

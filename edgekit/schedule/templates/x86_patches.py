"""Convolution by patches on x86: what each pixel reads is gathered first, then rows of them are multiplied.

For filters of more than one pixel on CPUs with AVX512-VNNI. Gathered, what a pixel reads is one run, padding
included, and pixels of several rows are computed as one long row, so that tiles are full however narrow the
plane is. Patches are gathered for some dozens of pixels at a time; threads share these, each gathering what
it multiplies, so that none waits for another.

Parameters: `pixels` and `channels` per tile.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from tvm import te, tirx

from edgekit.schedule.cpu import X86Kernel
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.sharing import shared_span
from edgekit.schedule.template import Job, Parameters, Template
from edgekit.schedule.templates.convolution_rows import Runs, row_call
from edgekit.schedule.templates.micro_kernels import calling_stage, convolution_operands, seen
from edgekit.schedule.templates.x86_tiles import (
    family_of,
    function_name,
    packers,
    row_cycles,
    tiles,
)
from edgekit.schedule.tiles import round_up, vector_split

if TYPE_CHECKING:
    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.cpu import CpuClass

GATHER_OVERREAD_BYTES = 63  # past the input
_BUFFER_BYTES = 32 << 10
_STRIP = 96  # pixels that are gathered together, at least
_PIXELS = 12  # of a thread's part, at least: a whole tile of every micro-kernel
_OVERWRITTEN_BYTES = 64  # past the last patch of a thread
_PATCH_CYCLES, _RUN_CYCLES, _PIXEL_CYCLES = 10, 4, 2  # that no byte adds to


@dataclasses.dataclass(frozen=True)
class Strips:
    """How the pixels of an image are divided: `count` strips of `pixels`, and a last one."""

    count: int
    pixels: int
    last: int


def _fits(job: Job, cpu: CpuClass) -> bool:
    """Where it takes less time than rows do; a single row is always read where it is."""
    load = job.workload
    is_plane = not load.is_pointwise and load.out_height > 1 and load.out_width > 1
    if (
        cpu.x86_kernel is not X86Kernel.VNNI
        or not is_plane
        or load.groups != 1
        or load.window.dilation_w != 1
    ):
        return False
    pixels = load.out_height * load.out_width
    by_rows = load.out_height * row_cycles(cpu, load.out_width, load.out_channels, depth_of(load))
    by_patches = row_cycles(cpu, pixels, load.out_channels, depth_of(load))
    return by_patches + pixels * _gather_cycles(load) < by_rows + _padding_cycles(load)


def _space(job: Job, cpu: CpuClass) -> tuple[Parameters, ...]:
    load = job.workload
    return tuple(tiles(cpu, load.out_height * load.out_width, load.out_channels, depth_of(load)))


def _apply(job: Job, cpu: CpuClass, parameters: Parameters) -> Scheduled:
    load = job.workload
    unit, depth = family_of(cpu).unit, depth_of(load)
    runs = Runs(
        segments=1,
        length=depth,
        stride=0,
        pixel_stride=round_up(depth, unit),
        unit=unit,
        is_counted_in_bytes=True,
        channels=parameters.number("channels"),
    )
    strips = divide(load.out_height * load.out_width, runs.pixel_stride, parameters.number("pixels"))
    expressions = patch_expressions(load, runs, strips, function_name(cpu, parameters, load))
    return Scheduled(
        te.create_prim_func(expressions),
        packers(cpu, load, runs),
        kernels="x86",
        overread_bytes=GATHER_OVERREAD_BYTES,
    )


X86_PATCHES = Template(
    name="x86_patches", kind="convolution", version=4, fits=_fits, space=_space, apply=_apply
)


def depth_of(load: Convolution) -> int:
    """Bytes that an output pixel reads."""
    return load.window.kernel_h * load.window.kernel_w * load.in_channels


def _gather_cycles(load: Convolution) -> float:
    """Roughly what it takes to gather a patch."""
    run = load.window.kernel_w * load.in_channels
    return load.window.kernel_h * (_RUN_CYCLES + run // 64 * 2 + run % 64 / 16) + _PATCH_CYCLES


def _padding_cycles(load: Convolution) -> float:
    """Roughly what it takes to pad the plane for rows."""
    if load.reads_input:
        return 0.0
    high, wide = load.plane
    return high * wide * (_PIXEL_CYCLES + load.in_channels / vector_split(load.in_channels, 64))


def divide(total: int, patch_bytes: int, tile: int, buffer_bytes: int = _BUFFER_BYTES) -> Strips:
    """Strips of whole tiles that fit the buffer, or of the least there may be; the last is no sliver."""
    pixels = max(_STRIP, buffer_bytes // patch_bytes) // tile * tile
    count = total // pixels
    last = total - count * pixels
    if count > 0 and last < _PIXELS:
        return Strips(count - 1, pixels, pixels + last)
    return Strips(count, pixels, last)


def patch_expressions(load: Convolution, runs: Runs, strips: Strips, function: str) -> list[te.Tensor]:
    """For every strip of pixels: gather what they read, call the micro-kernel `function`."""
    width = round_up(load.out_channels, runs.channels)
    most = max(strips.pixels if strips.count else 0, strips.last)
    x, *constants = convolution_operands(load, width * runs.packed_bytes, width)
    out = calling_stage(
        [x, *constants],
        {
            "out": (load.batch, load.out_height * load.out_width, load.out_channels),
            "patches": (most * runs.pixel_stride + max(1, most // _PIXELS) * _OVERWRITTEN_BYTES,),
        },
        lambda inputs, outputs: _body(inputs, outputs, load, runs, strips, function),
    )
    return [x, *constants, out]


def _body(
    inputs: list[Any], outputs: list[Any], load: Convolution, runs: Runs, strips: Strips, function: str
) -> Any:
    n, strip = tirx.Var("n", "int32"), tirx.Var("strip", "int32")

    def compute(start: Any, pixels: int) -> Any:
        return _strip(inputs, outputs, load, runs, function, (n, start, pixels))

    body = compute(strip * strips.pixels, strips.pixels)
    whole = tirx.For(strip, 0, strips.count, tirx.ForKind.SERIAL, body)
    last = compute(strips.count * strips.pixels, strips.last)
    return tirx.For(n, 0, load.batch, tirx.ForKind.SERIAL, tirx.SeqStmt([whole, last]))


def _strip(
    inputs: list[Any],
    outputs: list[Any],
    load: Convolution,
    runs: Runs,
    function: str,
    where: tuple[Any, Any, int],
) -> Any:
    """A thread's part of a strip: image, first pixel and number of pixels of the whole."""
    n, start, pixels = where
    x, *constants = inputs
    out, buffer = outputs
    window = load.window
    first, count = shared_span(pixels, _PIXELS)
    patches = buffer[first * runs.pixel_stride + first // _PIXELS * _OVERWRITTEN_BYTES]
    gather = tirx.call_extern(
        "void",
        "ek_gather_padded_patches",
        tirx.address_of(x[n, 0, 0, 0]),
        tirx.address_of(patches),
        start + first,
        count,
        load.out_width,
        load.height,
        load.width,
        load.in_channels,
        window.kernel_h,
        window.kernel_w,
        window.stride_h,
        window.stride_w,
        window.dilation_h,
        window.pad_top,
        window.pad_left,
        load.pad_value,
        runs.pixel_stride,
    )
    multiply = row_call(
        function,
        [patches, *(constant[0] for constant in constants), out[n, start + first, 0]],
        count,
        load,
        runs,
        load.out_channels,
    )
    ends = [seen(buffer, at) for at in (0, int(buffer.shape[0]) - 1)]
    return tirx.IfThenElse(count > 0, tirx.SeqStmt([*ends, tirx.Evaluate(gather), multiply]), None)

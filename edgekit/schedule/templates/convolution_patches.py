"""Convolution by patches: what each pixel reads is gathered first, then rows of them are multiplied.

For first layers and other filters whose runs (see convolution_rows.py) are short: gathered, they are one
run, with padding at its end only. Patches are gathered for as many rows of output as fit a small buffer;
threads share their pixels, each gathering what it multiplies, so that none waits for another.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from tvm import tirx

from edgekit.schedule.sharing import shared_span
from edgekit.schedule.templates.convolution_rows import row_call
from edgekit.schedule.templates.micro_kernels import calling_stage, convolution_operands, seen
from edgekit.schedule.templates.padding import pad_rows
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from tvm import te

    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.templates.convolution_rows import Runs

_BUFFER_BYTES = 16 << 10
_OVERWRITTEN_BYTES = 16  # past the last patch of a thread
_PIXELS = 8  # of a thread's part: whole tiles of every micro-kernel


@dataclasses.dataclass(frozen=True)
class Patches:
    """How patches are gathered and what the micro-kernel reads of them."""

    source: Runs
    runs: Runs
    rows: int  # of output, gathered together


def gathered(load: Convolution, source: Runs) -> Patches:
    """Patches of a convolution that would read `source` directly."""
    length = source.segments * source.length
    size = round_up(length, source.unit)
    runs = dataclasses.replace(source, segments=1, length=length, stride=0, pixel_stride=size)
    most = max(1, _BUFFER_BYTES // (load.out_width * size))
    rows = next(n for n in range(min(most, load.out_height), 0, -1) if load.out_height % n == 0)
    return Patches(source, runs, rows)


def patch_expressions(load: Convolution, patches: Patches, function: str) -> list[te.Tensor]:
    """Padding, then for every few rows of output: gather patches, call the micro-kernel `function`."""
    runs = patches.runs
    width = round_up(load.out_channels, runs.channels)
    x, *constants = convolution_operands(load, width * runs.units * runs.unit, width * runs.factor_copies)
    pixels = patches.rows * load.out_width
    out = calling_stage(
        [pad_rows(x, load), *constants],
        {
            "out": (load.batch, load.out_height, load.out_width, load.out_channels),
            "patches": (pixels * runs.pixel_stride + _most_parts(pixels) * _OVERWRITTEN_BYTES,),
        },
        lambda inputs, outputs: _rows(inputs, outputs, load, patches, function),
    )
    return [x, *constants, out]


def _most_parts(pixels: int) -> int:
    return max(1, pixels // _PIXELS)


def _rows(inputs: list[Any], outputs: list[Any], load: Convolution, patches: Patches, function: str) -> Any:
    n, strip, row = (tirx.Var(name, "int32") for name in ("n", "strip", "row"))
    plane, *constants = inputs
    out, buffer = outputs
    source, runs, window = patches.source, patches.runs, load.window
    first, count = shared_span(patches.rows * load.out_width, _PIXELS)
    start = first * runs.pixel_stride + first // _PIXELS * _OVERWRITTEN_BYTES
    # A thread's part of each row: from `left` on.
    left = tirx.max(first - row * load.out_width, 0)
    gathered_pixels = tirx.min(first + count - row * load.out_width, load.out_width) - left
    y = (strip * patches.rows + row) * window.stride_h
    gather = tirx.call_extern(
        "void",
        "ek_gather_patches",
        tirx.address_of(plane[n, y, left * window.stride_w, 0]),
        tirx.address_of(buffer[start + (row * load.out_width + left - first) * runs.pixel_stride]),
        gathered_pixels,
        source.pixel_stride,
        source.segments,
        source.stride,
        source.length,
        runs.pixel_stride,
    )
    multiply = row_call(
        function,
        [buffer[start], *(constant[0] for constant in constants), out[n, strip * patches.rows, first, 0]],
        count,
        load,
        runs,
        load.out_channels,
    )
    gather_some = tirx.IfThenElse(gathered_pixels > 0, tirx.Evaluate(gather), None)
    rows = tirx.For(row, 0, patches.rows, tirx.ForKind.SERIAL, gather_some)
    part = tirx.SeqStmt([seen(buffer, int(buffer.shape[0]) - 1), rows, multiply])
    body = tirx.IfThenElse(count > 0, part, None)
    strips = tirx.For(strip, 0, load.out_height // patches.rows, tirx.ForKind.SERIAL, body)
    return tirx.For(n, 0, load.batch, tirx.ForKind.SERIAL, strips)

"""Convolution on ARM without dot products: by kernels/neon/convolution_row_mlal.S, in int16 products.

It takes no parameters: runs are read where they are, and pixels and channels that fill no tile have tiles of
their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te

from edgekit.schedule.cpu import RowKernel
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Job, Parameters, Template, one_point
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.convolution_rows import Runs, row_expressions
from edgekit.schedule.templates.neon_runs import is_convolution_by_rows
from edgekit.schedule.templates.padding import vectorize_function_padding
from edgekit.schedule.templates.row_form import tile_form
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.cpu import CpuClass

_PAIR = 2  # bytes
_STEP = 4  # pairs
_LANES = 8  # channels of a vector
_SUMS_PER_VECTOR = 32  # that a CPU needs room for, to compute a vector of channels of a tile of pixels
OVERREAD_BYTES = 1  # where a run ends in half a pair


def _fits(job: Job, cpu: CpuClass) -> bool:
    """Two products of a weight of -128 may not fit the int16 that they are added in."""
    is_safe = job.lowest_weight != -128
    return cpu.row_kernel is RowKernel.MLAL and is_safe and is_convolution_by_rows(job.workload)


def _apply(job: Job, cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)
    runs = _runs(load)
    vectors = cpu.accumulators // _SUMS_PER_VECTOR
    function = f"ek_convolution_row_mlal_{tile_form(load.requantization)}"

    def pad_channels(values: NDArray[Any]) -> NDArray[Any]:
        return np.pad(values, (0, -len(values) % _LANES), mode="edge")

    return Scheduled(
        vectorize_function_padding(te.create_prim_func(row_expressions(load, runs, function))),
        {
            1: lambda weights: _pack(weights, load, runs, vectors),
            2: pad_channels,
            3: pad_channels,
            4: pad_channels,
        },
        kernels="neon",
        overread_bytes=OVERREAD_BYTES,
    )


MLAL_ROWS = Template(
    name="neon_mlal_rows", kind="convolution", version=3, fits=_fits, space=one_point, apply=_apply
)


def _runs(load: Convolution) -> Runs:
    """What an output pixel reads. Channels are padded to whole vectors."""
    window = load.window
    _, width = load.plane
    return Runs(
        segments=window.kernel_h,
        length=window.kernel_w * load.in_channels,
        stride=width * load.in_channels * window.dilation_h,
        pixel_stride=window.stride_w * load.in_channels,
        unit=_PAIR,
        channels=_LANES,
    )


def _pack(weights: NDArray[np.int8], load: Convolution, runs: Runs, block: int) -> NDArray[np.int8]:
    """[out, kernel_h, kernel_w, in] to [block][segment][step][vector][pair][channel][byte], zero-padded.

    A block is so many vectors of 8 channels, or those that are left; a step four pairs, then two and one.
    """
    width = round_up(load.out_channels, _LANES)
    padded = np.zeros((width, runs.segments, runs.units * _PAIR), np.int8)
    flat = weights.reshape(load.out_channels, runs.segments, runs.length)
    padded[: load.out_channels, :, : runs.length] = flat
    vectors = padded.reshape(width // _LANES, _LANES, runs.segments, runs.units, _PAIR)
    blocks = [_pack_block(vectors[first : first + block]) for first in range(0, len(vectors), block)]
    return np.concatenate(blocks)


def _pack_block(block: NDArray[np.int8]) -> NDArray[np.int8]:
    """[vector, channel, segment, pair, byte] to flat [segment][step][vector][pair][channel][byte]."""
    count, lanes, segments, pairs, _ = block.shape
    whole = pairs // _STEP * _STEP
    steps, first = [], 0
    for size, end in ((_STEP, whole), (2, whole + (pairs & 2)), (1, pairs)):
        part = block[:, :, :, first:end].reshape(count, lanes, segments, -1, size, _PAIR)
        steps.append(part.transpose(2, 3, 0, 4, 1, 5).reshape(segments, -1))
        first = end
    return np.concatenate(steps, axis=1).reshape(-1)

"""How weights lie for the kernels without dot products, which multiply pairs of input bytes.

A block is one or two vectors of 8 channels, or those that are left. A step is four pairs; where steps are not
ordered (`pack_steps`), what is left of a run is a step of two pairs, of one, or both.

Products of all four pairs of a step may be added in int16 where no sum of the weights that meet in one of
its lanes is too large (`pack_long_steps`): such a step is long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.templates.convolution_rows import Runs

PAIR = 2  # bytes
STEP = 4  # pairs
LANES = 8  # channels of a vector
_LARGEST_SUM = (1 << 15) // 128 - 1  # of the weights in a lane: times -128, it fits an int16
_TABLE_START = 3  # numbers, before the distances
_TABLE_ALIGNMENT = 16  # bytes


def table_bytes(runs: Runs) -> int:
    """Bytes of the table that goes before a vector's long steps."""
    steps = runs.segments * runs.units // STEP
    return round_up(4 * (_TABLE_START + steps), _TABLE_ALIGNMENT)


def pack_steps(weights: NDArray[np.int8], load: Convolution, runs: Runs, block: int) -> NDArray[np.int8]:
    """[out, kernel_h, kernel_w, in] to [block][segment][step][vector][pair][channel][byte], zero-padded."""
    return np.concatenate([_pack_block(part) for part in _blocks(weights, load, runs, block)])


def pack_long_steps(weights: NDArray[np.int8], load: Convolution, runs: Runs, block: int) -> NDArray[np.int8]:
    """[out, kernel_h, kernel_w, in] to blocks of tables and steps, the long ones first.

    A table is int32: numbers of long and of other steps, the offset of the first step's input, and after
    each step the distance to the next one's. There are as many tables as vectors; the first one counts.
    """
    packed = []
    for part in _blocks(weights, load, runs, block):
        is_long = _long_steps(part)
        order = np.concatenate([np.flatnonzero(is_long), np.flatnonzero(~is_long)])
        per_run = runs.units // STEP
        offsets = order // per_run * runs.stride + order % per_run * STEP * PAIR
        numbers = [is_long.sum(), (~is_long).sum(), offsets[0], *np.diff(offsets), 0]
        table = np.zeros(len(part) * table_bytes(runs), np.int8)
        table[: 4 * len(numbers)] = np.array(numbers, np.int32).view(np.int8)
        packed += [table, _pack_block(part).reshape(len(order), -1)[order].reshape(-1)]
    return np.concatenate(packed)


def long_share(weights: NDArray[np.int8], load: Convolution, runs: Runs, block: int) -> float:
    """The share of steps that are long; none where a run does not end with one."""
    if runs.units % STEP:
        return 0.0
    return float(np.mean([_long_steps(part).mean() for part in _blocks(weights, load, runs, block)]))


def _blocks(weights: NDArray[np.int8], load: Convolution, runs: Runs, block: int) -> list[NDArray[np.int8]]:
    """Arrays [vector, channel, segment, pair, byte] of so many vectors, or those that are left."""
    width = round_up(load.out_channels, LANES)
    padded = np.zeros((width, runs.segments, runs.units * PAIR), np.int8)
    flat = weights.reshape(load.out_channels, runs.segments, runs.length)
    padded[: load.out_channels, :, : runs.length] = flat
    vectors = padded.reshape(width // LANES, LANES, runs.segments, runs.units, PAIR)
    return [vectors[first : first + block] for first in range(0, len(vectors), block)]


def _pack_block(block: NDArray[np.int8]) -> NDArray[np.int8]:
    """Flat [segment][step][vector][pair][channel][byte]."""
    count, lanes, segments, pairs, _ = block.shape
    whole = pairs // STEP * STEP
    steps, first = [], 0
    for size, end in ((STEP, whole), (2, whole + (pairs & 2)), (1, pairs)):
        part = block[:, :, :, first:end].reshape(count, lanes, segments, -1, size, PAIR)
        steps.append(part.transpose(2, 3, 0, 4, 1, 5).reshape(segments, -1))
        first = end
    return np.concatenate(steps, axis=1).reshape(-1)


def _long_steps(block: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Which steps of a block are long, segment by segment."""
    count, lanes, segments, pairs, _ = block.shape
    size = np.abs(block.astype(np.int32)).reshape(count, lanes, segments, pairs // STEP, STEP, PAIR)
    largest = size.sum(axis=4).max(axis=(0, 1, 4))
    return (largest <= _LARGEST_SUM).reshape(-1)

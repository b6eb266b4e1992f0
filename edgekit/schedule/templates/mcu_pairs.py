"""Weights for microcontrollers with DSP instructions: two channels in the halves of a word.

A word holds two taps of two neighbouring channels: its halves are weights of the first channel plus 256 times
those of the second, so that one instruction takes the first channel's out of both. Taps go by fours: a word
for taps 0 and 2, then one for 1 and 3, as the instructions that widen four bytes leave them. Behind a pair's
weights comes how both its channels are scaled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.schedule.templates.mcu_channels import channel_table
from edgekit.schedule.templates.mcu_windows import TAPS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.compute.fixed_point import Requantization
    from edgekit.schedule.templates.mcu_channels import ChannelTable


_HALF = 1 << 15
_SUM_LIMIT = 1 << 23  # of a second channel: above, it cannot be told from the sum of both
_LARGEST_INPUT = 128


def pair_table(constants: tuple[NDArray[Any], ...], how: Requantization) -> ChannelTable | None:
    """A call's channels as pairs, from its weights, bias, multipliers and shifts; None if kernels cannot.

    Of an odd number, the last but one comes twice: pairs overlap at the end.
    """
    weights, bias, multiplier, shift = constants
    table = channel_table(weights.reshape(len(weights), -1), bias, multiplier, shift, how)
    if table is None or len(weights) < 2:
        return None
    channels = len(weights)
    order = list(range(channels - channels % 2))
    if channels % 2:
        order += [channels - 2, channels - 1]
    table = table.take(order)
    return table if pairs_fit(table.weights) else None


def pairs_fit(weights: NDArray[np.int8]) -> bool:
    """Whether pairs of channels [channel, tap] fit halves of words, and their sums can be told apart."""
    second = weights[1::2].astype(np.int64)
    halves = weights[::2] + 256 * second
    largest = _LARGEST_INPUT * np.abs(second).sum(axis=1)
    return bool((halves >= -_HALF).all() and (largest < _SUM_LIMIT).all())


def pair_words(weights: NDArray[np.int8]) -> NDArray[np.int32]:
    """Weights [channel, tap], taps padded to fours, as words [pair, four taps * 2]."""
    first, second = (weights[start::2].astype(np.int32) for start in (0, 1))
    halves = (first + 256 * second).reshape(len(first), -1, TAPS) & 0xFFFF
    words = halves[:, :, :2] | (halves[:, :, 2:] << 16)
    return words.astype(np.int32).reshape(len(first), -1)


def pack_pairs(weights: NDArray[np.int8], entries: NDArray[np.int32]) -> NDArray[np.int32]:
    """The words of each pair, then the entries of both its channels."""
    words = pair_words(weights)
    return np.hstack([words, entries.reshape(len(words), -1)]).reshape(-1)

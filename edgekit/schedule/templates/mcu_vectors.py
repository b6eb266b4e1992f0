"""Weights for microcontrollers with MVE: vectors of 16 taps of one channel, then of the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.schedule.templates.mcu_channels import channel_table
from edgekit.schedule.templates.mcu_windows import PIXELS
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.compute.fixed_point import Requantization
    from edgekit.schedule.templates.mcu_channels import ChannelTable

_TAPS = 16  # of a vector
_SCALED = 4  # channels at a time


def vector_table(constants: tuple[NDArray[Any], ...], how: Requantization) -> ChannelTable | None:
    """A call's channels from its weights, bias, multipliers and shifts; None if kernels cannot."""
    weights, bias, multiplier, shift = constants
    return channel_table(weights.reshape(len(weights), -1), bias, multiplier, shift, how)


def pack_vectors(table: ChannelTable, *, together: int = 2) -> NDArray[np.int32]:
    """Words for each so many channels: biases, then vectors [16 taps, channel]. Then all channels' scales.

    Those are multipliers and shifts of each four channels. What fills up is 0.
    """
    channels, taps = table.weights.shape
    groups = round_up(channels, together) // together
    padded = np.zeros((groups * together, round_up(taps, _TAPS)), np.int8)
    padded[:channels, :taps] = table.weights
    vectors = padded.reshape(groups, together, -1, _TAPS).transpose(0, 2, 1, 3).reshape(groups, -1)
    biases = _filled(table.bias, together).reshape(groups, together)
    scales = np.stack(
        [_filled(values, _SCALED).reshape(-1, _SCALED) for values in (table.multiplier, -table.right)], axis=1
    )
    words = np.hstack([biases, np.ascontiguousarray(vectors).view(np.int32)])
    return np.concatenate([words.reshape(-1), scales.reshape(-1)])


def _filled(values: NDArray[np.int32], multiple: int) -> NDArray[np.int32]:
    return np.pad(values, (0, -len(values) % multiple)).astype(np.int32)


def sums_bytes(channels: int) -> int:
    """Memory for the sums of a tile of pixels."""
    return 4 * PIXELS * round_up(channels, 2)

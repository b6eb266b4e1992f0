"""How output channels are scaled on microcontrollers with DSP instructions: the table that kernels read.

The form is that of `ek_scale` in edgekit/kernels/mcu/requantize.h: five instructions, right where shifts are
to the right and sums below 2**30. Channels whose output is the same for all sums that they can reach
(converters give dead channels enormous biases and any shift) get entries that give just that.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.compute.fixed_point import Multiplier, scale_integers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.compute.fixed_point import Requantization

_LOWEST, _HIGHEST = -128, 127
_SUM_LIMIT = 1 << 30  # twice a sum must fit an int32
_INT32_LIMIT = 1 << 31


@dataclasses.dataclass(frozen=True)
class ChannelTable:
    """The channels of one call.

    `entries` is int32 [channels, 4]: twice the bias, multiplier, rounding, right shift. `weights` is int8
    [channels, taps], with zeros for channels that do not depend on their input.
    """

    entries: NDArray[np.int32]
    weights: NDArray[np.int8]

    def take(self, channels: Sequence[int]) -> ChannelTable:
        """The same for some channels, in this order."""
        return ChannelTable(self.entries[list(channels)], self.weights[list(channels)])


def channel_table(
    weights: NDArray[np.int8],
    bias: NDArray[Any],
    multiplier: NDArray[Any],
    shift: NDArray[Any],
    how: Requantization,
) -> ChannelTable | None:
    """The table of a call with weights [channels, taps]; None if a channel needs another form.

    Of `how` only the zero point and the clamp count: a kernel's other calls have other factors.
    """
    entries, kept = np.zeros((len(bias), 4), np.int64), weights.copy()
    lowest, highest = reachable_sums(weights, bias)
    for channel in range(len(bias)):
        factor = Multiplier(int(multiplier[channel]), int(shift[channel]))
        ends = int(lowest[channel]), int(highest[channel])
        constant = _constant_output(ends, factor, how)
        if constant is not None:
            entries[channel] = 0, 0, 2 * constant, 1
            kept[channel] = 0
        elif _is_plain(ends, factor, how):
            right = -factor.shift
            rounding = (how.zero_point << right) + (1 << (right - 1))
            entries[channel] = 2 * int(bias[channel]), factor.multiplier, rounding, right
        else:
            return None
    return ChannelTable(entries.astype(np.int32), kept)


def reachable_sums(
    weights: NDArray[np.int8], bias: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The lowest and the highest sum of each channel, for any int8 input."""
    wide = weights.astype(np.int64)
    least = np.where(wide > 0, wide * _LOWEST, wide * _HIGHEST).sum(axis=1)
    most = np.where(wide > 0, wide * _HIGHEST, wide * _LOWEST).sum(axis=1)
    return bias + least, bias + most


def _constant_output(ends: tuple[int, int], factor: Multiplier, how: Requantization) -> int | None:
    """The output, if it is the same from the lowest to the highest sum: scaling never falls."""
    left = max(factor.shift, 0)
    if min(ends) << left < -_INT32_LIMIT or max(ends) << left >= _INT32_LIMIT:
        return None  # sums wrap
    scaled = scale_integers(np.array(ends, np.int64), factor) + how.zero_point
    low, high = (int(value) for value in np.clip(scaled, how.low, how.high))
    return low if low == high else None


def _is_plain(ends: tuple[int, int], factor: Multiplier, how: Requantization) -> bool:
    """Whether `ek_scale` is exact: no left shift, at least one to the right, nothing overflows."""
    right = -factor.shift
    if right < 1 or max(-ends[0], ends[1]) >= _SUM_LIMIT:
        return False
    rounding = (how.zero_point << right) + (1 << (right - 1))
    low, high = ((end * factor.multiplier) >> 31 for end in ends)
    sums = (rounding, low + rounding - 1, high + rounding + 1)
    return all(-_INT32_LIMIT <= value < _INT32_LIMIT for value in sums)

"""How output channels are scaled on microcontrollers with DSP instructions: the table that kernels read.

The form is that of `ek_scale` in edgekit/kernels/mcu/requantize.h: five instructions, right where shifts are
to the right and sums below 2**30. Channels whose output is the same for all sums that they can reach
(converters give dead channels enormous biases and any shift) get factors that give just that.
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
    """The channels of one call: int8 weights [channels, taps], and int32 factors [channels].

    All shifts are to the right, by at least 1. Channels that do not depend on their input have weights of 0.
    """

    weights: NDArray[np.int8]
    bias: NDArray[np.int32]
    multiplier: NDArray[np.int32]
    right: NDArray[np.int32]
    zero_point: int

    @property
    def entries(self) -> NDArray[np.int32]:
        """`ek_channel` of edgekit/kernels/mcu/requantize.h: twice the bias, multiplier, rounding, right."""
        rounding = (self.zero_point << self.right.astype(np.int64)) + (1 << (self.right - 1))
        return np.stack([2 * self.bias, self.multiplier, rounding, self.right], axis=1).astype(np.int32)

    def take(self, channels: Sequence[int]) -> ChannelTable:
        """The same for some channels, in this order."""
        order = list(channels)
        return ChannelTable(
            self.weights[order], self.bias[order], self.multiplier[order], self.right[order], self.zero_point
        )


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
    lowest, highest = reachable_sums(weights, bias)
    kept, bias, multiplier, right = weights.copy(), bias.copy(), multiplier.copy(), -shift
    for channel in range(len(bias)):
        factor = Multiplier(int(multiplier[channel]), int(shift[channel]))
        ends = int(lowest[channel]), int(highest[channel])
        constant = _constant_output(ends, factor, how)
        if constant is not None:  # a sum that is scaled by a quarter
            kept[channel], bias[channel] = 0, 4 * (constant - how.zero_point)
            multiplier[channel], right[channel] = 1 << 30, 1
        elif not _is_plain(ends, factor, how):
            return None
    return ChannelTable(kept, bias, multiplier, right, how.zero_point)


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

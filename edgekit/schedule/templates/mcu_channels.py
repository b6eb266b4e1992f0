"""How output channels are scaled on microcontrollers with DSP instructions: the table that kernels read.

The form is that of `ek_scale` in edgekit/kernels/mcu/requantize.h: five instructions, right where shifts are
to the right and sums below 2**30. Channels whose output is the same for all sums that they can reach
(converters give dead channels enormous biases and any shift) get factors that give just that.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.compute.fixed_point import Requantization

_LOWEST, _HIGHEST = -128, 127
_SUM_LIMIT = 1 << 30  # twice a sum must fit an int32
_INT32_LIMIT = 1 << 31
_HALF = 1 << 30  # of a product with a multiplier


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
    ends = np.stack(reachable_sums(weights, bias))
    outputs = np.clip(_scaled(ends, multiplier, shift) + how.zero_point, how.low, how.high)
    is_constant = (outputs[0] == outputs[1]) & ~_wraps(ends, shift)  # scaling never falls
    if not (is_constant | _is_plain(ends, multiplier, shift, how.zero_point)).all():
        return None
    return ChannelTable(
        np.where(is_constant[:, None], 0, weights).astype(np.int8),
        # A constant output is a sum that is scaled by a quarter.
        np.where(is_constant, 4 * (outputs[0] - how.zero_point), bias).astype(np.int32),
        np.where(is_constant, 1 << 30, multiplier).astype(np.int32),
        np.where(is_constant, 1, -shift).astype(np.int32),
        how.zero_point,
    )


def reachable_sums(
    weights: NDArray[np.int8], bias: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The lowest and the highest sum of each channel, for any int8 input."""
    wide = weights.astype(np.int64)
    least = np.where(wide > 0, wide * _LOWEST, wide * _HIGHEST).sum(axis=1)
    most = np.where(wide > 0, wide * _HIGHEST, wide * _LOWEST).sum(axis=1)
    return bias + least, bias + most


def _wraps(ends: NDArray[np.int64], shift: NDArray[Any]) -> NDArray[np.bool_]:
    """Of each channel, whether a sum leaves 32 bits, shifted to the left if it is."""
    shifted = ends << np.maximum(shift, 0).astype(np.int64)
    return np.asarray(((shifted < -_INT32_LIMIT) | (shifted >= _INT32_LIMIT)).any(axis=0))


def _scaled(ends: NDArray[np.int64], multiplier: NDArray[Any], shift: NDArray[Any]) -> NDArray[np.int64]:
    """As `scale_integers` of compute/fixed_point.py, by each channel's factor, where nothing wraps."""
    left, right = np.maximum(shift, 0).astype(np.int64), np.maximum(-shift, 0).astype(np.int64)
    high = ((ends << left).clip(-_INT32_LIMIT, _INT32_LIMIT) * multiplier.astype(np.int64) + _HALF) >> 31
    half = np.where(right > 0, 1 << np.maximum(right - 1, 0), 0)
    sign = np.where(right > 0, high >> 63, 0)
    return np.asarray((high + half + sign) >> right)


def _is_plain(
    ends: NDArray[np.int64], multiplier: NDArray[Any], shift: NDArray[Any], zero_point: int
) -> NDArray[np.bool_]:
    """Of each channel, whether `ek_scale` is exact: no left shift, one to the right, nothing overflows."""
    right = np.maximum(-shift, 1).astype(np.int64)
    rounding = (zero_point << right) + (1 << (right - 1))
    low, high = (ends * multiplier.astype(np.int64)) >> 31
    fits = (shift < 0) & (np.abs(ends) < _SUM_LIMIT).all(axis=0)
    for value in (rounding, low + rounding - 1, high + rounding + 1):
        fits &= (value >= -_INT32_LIMIT) & (value < _INT32_LIMIT)
    return np.asarray(fits)

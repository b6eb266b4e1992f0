"""HARD_SWISH on host integers, in the reference's 16-bit arithmetic."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from edgekit.compute.fixed_point import Multiplier, rounding_divide_by_power_of_two

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.int64]

_LOWEST, _HIGHEST = -(1 << 15), (1 << 15) - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class HardSwish:
    """x * relu6(x + 3) / 6 with 16-bit multipliers (`HardSwishPrepare` of hard_swish_common.cc)."""

    input_zero_point: int
    output_zero_point: int
    output_multiplier: int
    output_exponent: int
    reluish_multiplier: int
    reluish_exponent: int

    @staticmethod
    def of(
        input_scale: float, input_zero_point: int, output_scale: float, output_zero_point: int
    ) -> HardSwish:
        """The parameters. The output's exponent must not be positive.

        Ratios of scales stay in double, as they do in the pinned interpreter.
        """
        fine_scale = input_scale / 128
        output = min(fine_scale / output_scale, 2.0**64)
        reluish = fine_scale / (3 / 32768)
        output_factor, reluish_factor = Multiplier.of(output), Multiplier.of(reluish)
        return HardSwish(
            input_zero_point=input_zero_point,
            output_zero_point=output_zero_point,
            output_multiplier=_in_16_bits(output_factor.multiplier),
            output_exponent=output_factor.shift,
            reluish_multiplier=_in_16_bits(reluish_factor.multiplier),
            reluish_exponent=reluish_factor.shift,
        )

    def __call__(self, values: Values) -> Values:
        """Outputs of int8 values, not yet clamped to int8 (`HardSwish` of hard_swish.h)."""
        fine = (values - self.input_zero_point) << 7
        preshift = _high_multiply(fine, self.output_multiplier)
        reluish = _in_unit_range(self._reluish(fine))
        product = np.trunc(reluish * preshift / (1 << 15)).astype(
            np.int64
        )  # rounds towards zero; exact in double
        return _divide(product, -self.output_exponent) + self.output_zero_point

    def _reluish(self, fine: Values) -> Values:
        """x / 3 in Q0.15, saturated."""
        exponent = self.reluish_exponent
        if exponent > 0:
            fine = np.clip(fine << (exponent - 1), _LOWEST, _HIGHEST)
        scaled = _high_multiply(fine, self.reluish_multiplier)
        if exponent > 0:
            return np.clip(scaled << 1, _LOWEST, _HIGHEST)
        return _divide(scaled, -exponent)


def _in_unit_range(reluish: Values) -> Values:
    """-1 .. 1 to 0 .. 1: relu6(x + 3) / 6."""
    return (reluish + (1 << 15)) >> 1


def _in_16_bits(multiplier: int) -> int:
    """`DownScaleInt32ToInt16Multiplier` of tensorflow/lite/kernels/internal/common.h."""
    return min((multiplier + (1 << 15)) >> 16, _HIGHEST)


def _high_multiply(values: Values, multiplier: int) -> Values:
    """Rounding doubling high product in 16 bits."""
    return (values * multiplier + (1 << 14)) >> 15


def _divide(values: Values, exponent: int) -> Values:
    """gemmlowp's `RoundingDivideByPOT` on int16: its mask has 16 bits, so from 16 on it rounds oddly."""
    if exponent < 16:
        return rounding_divide_by_power_of_two(values, exponent)
    return np.where(values < 0, -1, 1)

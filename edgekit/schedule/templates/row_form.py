"""Which form of scaling an output takes in the micro-kernels: see `EK_RELU` in edgekit/kernels/neon/row.h."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgekit.compute.fixed_point import Requantization

_LOWEST, _HIGHEST = -128, 127
_FRACTION_BITS = 31  # of a multiplier
_ROUNDED = 2  # how far the two roundings may lead away from zero, at most


class RowForm(StrEnum):
    """Forms of scaling, cheapest first, by the suffix that names their instances."""

    RELU = "relu"  # a clamp at the zero point, which is the lowest value
    LINEAR = "linear"  # no clamp
    GENERAL = "general"  # any clamp, any shift


def row_form(how: Requantization) -> RowForm:
    """The cheapest exact form."""
    shifts = how.form
    full_range = (how.low, how.high) == (_LOWEST, _HIGHEST)
    if not full_range or shifts.has_left_shift or shifts.may_not_shift:
        return RowForm.GENERAL
    return RowForm.RELU if how.zero_point == _LOWEST else RowForm.LINEAR


def narrows_to_int16(how: Requantization) -> bool:
    """Whether no scaled sum that the weights allow leaves the range of an int16, zero point not yet added."""
    largest = max(factor.multiplier * 2.0 ** (factor.shift - _FRACTION_BITS) for factor in how.factors)
    return how.bound * largest + _ROUNDED < 1 << 15


def tile_form(how: Requantization) -> str:
    """The cheapest exact one where RELU needs no shift and forms have instances for sums of any size."""
    if (how.low, how.high, how.zero_point) == (_LOWEST, _HIGHEST, _LOWEST) and not how.form.has_left_shift:
        form = RowForm.RELU
    else:
        form = row_form(how)
    return form if form is RowForm.GENERAL or narrows_to_int16(how) else f"{form}_wide"

"""Which form of scaling an output takes in the micro-kernels for x86: see edgekit/kernels/x86/forms.h."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.schedule.templates.row_form import RowForm

if TYPE_CHECKING:
    from edgekit.compute.fixed_point import Requantization

_MOST_ZERO_POINT = 128  # in absolute value
_SUM_LIMIT = 1 << 31


def x86_form(how: Requantization) -> RowForm:
    """The cheapest exact form."""
    shifts = how.form
    most_right = max(-factor.shift for factor in how.factors)
    if shifts.has_left_shift or shifts.may_not_shift:
        return RowForm.GENERAL
    # The sum, times a multiplier below 1; half of what the shift loses; the zero point before the shift.
    if how.bound + ((1 + _MOST_ZERO_POINT) << most_right) >= _SUM_LIMIT:
        return RowForm.GENERAL
    return RowForm.RELU if how.low == how.zero_point else RowForm.LINEAR

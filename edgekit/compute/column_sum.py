"""The workload of a sum or mean over all outer places, which scales what each channel's bytes add to."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgekit.compute.fixed_point import Multiplier


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColumnSum:
    """int8 [channels] of int8 [count, channels]: (sum - offset) * factor + zero_point, clamped to the type.

    `bound` is the largest absolute value that is scaled.
    """

    count: int
    channels: int
    offset: int
    factor: Multiplier
    zero_point: int
    bound: int

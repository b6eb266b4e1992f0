"""One thing that the linter found in samples."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Fault(StrEnum):
    """What can be found. docs/calibration.md has a line for each."""

    NOT_FINITE = "not-finite"
    CONSTANT = "constant"
    EMPTY_SAMPLES = "empty-samples"
    EMPTY_CHANNEL = "empty-channel"
    REPEATED = "repeated"
    FEW_SAMPLES = "few-samples"
    FEW_CLASSES = "few-classes"
    UNKNOWN_LABELS = "unknown-labels"
    OUTLIERS = "outliers"
    UNEVEN_COLUMNS = "uneven-columns"
    NOT_SCALED = "not-scaled"
    OUT_OF_RANGE = "out-of-range"
    RANGE_UNUSED = "range-unused"
    CHANNELS_SWAPPED = "channels-swapped"


@dataclasses.dataclass(frozen=True)
class Finding:
    """What is wrong, what it costs, and how to fix it."""

    fault: Fault
    what: str
    why: str
    fix: str
    blocks: bool = False  # no model can be quantized with these samples

    def __str__(self) -> str:
        """As an error would say it."""
        return f"{self.what}\n  why: {self.why}\n  fix: {self.fix}"


def counted(samples: int) -> str:
    """A number of samples, in words."""
    return f"{samples} sample{'s' * (samples != 1)}"


def listed(names: Sequence[str], shown: int = 3) -> str:
    """The first few names, and how many more there are: "a, b, c and 4 more"."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")

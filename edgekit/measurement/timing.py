"""Robust figures of repeated timings: one disturbed run must not move them."""

from __future__ import annotations

import dataclasses
import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timing:
    """Several timings of one thing, in nanoseconds."""

    median_ns: float
    mad_ns: float  # median of the absolute deviations from the median
    p25_ns: float
    p75_ns: float
    min_ns: float
    max_ns: float

    @property
    def iqr_ns(self) -> float:
        """Interquartile range: the spread of the middle half of the runs."""
        return self.p75_ns - self.p25_ns


def summarize(samples_ns: Sequence[float]) -> Timing:
    """The figures of one or more timings.

    Quartiles are interpolated linearly between the sorted timings, as numpy's are.
    """
    median = statistics.median(samples_ns)
    if len(samples_ns) == 1:
        low = high = float(samples_ns[0])
    else:
        low, _, high = statistics.quantiles(samples_ns, n=4, method="inclusive")
    return Timing(
        median_ns=float(median),
        mad_ns=float(statistics.median(abs(sample - median) for sample in samples_ns)),
        p25_ns=low,
        p75_ns=high,
        min_ns=float(min(samples_ns)),
        max_ns=float(max(samples_ns)),
    )

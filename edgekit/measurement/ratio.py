"""What two interleaved series of times say: a ratio, how sure it is, and when nothing can be said."""

from __future__ import annotations

import dataclasses
import math
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_RESAMPLES = 2000
_CONFIDENCE = 0.95


class Standing(StrEnum):
    """Who is faster, if the interval leaves no doubt."""

    FASTER = "faster"
    SLOWER = "slower"
    UNDECIDED = "no difference shown"


@dataclasses.dataclass(frozen=True)
class Ratio:
    """theirs / ours, over 1 where ours is faster, and the interval that holds it with 95 % confidence."""

    middle: float
    low: float
    high: float

    @property
    def verdict(self) -> Standing:
        """How ours stands beside theirs; inside the noise nobody wins."""
        if self.low > 1.0:
            return Standing.FASTER
        return Standing.SLOWER if self.high < 1.0 else Standing.UNDECIDED


def round_ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """theirs / ours of each round."""
    return [their / our for our, their in zip(ours, theirs, strict=True)]


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """The median of the ratios of each round, and its bootstrap interval.

    Rounds are measured in turn, so that a machine that slows down slows both: a ratio within a round
    says more than one between two medians (percentile bootstrap: Efron, "Bootstrap Methods", 1979).
    """
    ratios = np.asarray(round_ratios(ours, theirs))
    random = np.random.default_rng(0)
    draws = random.integers(0, len(ratios), (_RESAMPLES, len(ratios)))
    medians = np.median(ratios[draws], axis=1)
    tail = 100 * (1 - _CONFIDENCE) / 2
    low, high = np.percentile(medians, [tail, 100 - tail])
    return Ratio(float(np.median(ratios)), float(low), float(high))


def geometric_mean(values: Sequence[float]) -> float:
    """The mean that treats twice as fast and half as fast alike."""
    return math.exp(sum(math.log(value) for value in values) / len(values))

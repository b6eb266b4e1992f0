"""Warming up until the times are steady: caches, clock and branch predictors take as long as they take.

This file also goes to devices, beside runtime/race_runner.py: it needs nothing else, and Python 3.7.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WINDOW = 5
_TOLERANCE = 0.03  # two windows whose medians are nearer than this: no trend is left
_MOST_SECONDS = 5.0


class WarmUp(NamedTuple):
    """How a warm-up went."""

    rounds: int
    is_steady: bool  # false: it was given up, and the times still moved


def is_steady(times: Sequence[float]) -> bool:
    """Whether the last five times have the same median, within 3 %, as the five before them."""
    if len(times) < 2 * _WINDOW:
        return False
    before = statistics.median(times[-2 * _WINDOW : -_WINDOW])
    now = statistics.median(times[-_WINDOW:])
    return abs(now - before) <= _TOLERANCE * before


def warm_up(
    measure: Callable[[], float],
    *,
    most_seconds: float = _MOST_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> WarmUp:
    """Measure, and forget, until the times are steady or `most_seconds` are over.

    Args:
        measure: runs the thing once and returns how long it took, in any unit.
        most_seconds: when to give up.
        clock: the time now, in seconds.
    """
    times: list[float] = []
    end = clock() + most_seconds
    while not is_steady(times):
        if times and clock() >= end:
            return WarmUp(rounds=len(times), is_steady=False)
        times.append(measure())
    return WarmUp(rounds=len(times), is_steady=True)

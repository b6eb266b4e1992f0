"""Timing work that may take a microsecond, in turn with other work, so that interruptions do not count.

This file also goes to devices, beside runtime/race_runner.py: it needs nothing else, and Python 3.7.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

TURNS = 3  # blocks of each in a round: what goes on for less than half of it does not count either
BLOCK_SECONDS = 0.01
SAMPLE_SECONDS = 1e-4  # long beside reading the clock, short beside the time between interruptions
LEAD_IN = 5  # one invocation for so many of a block comes first, untimed: caches and threads come back


class Block:
    """One thing that is timed in turn with others: a block of samples, each of a batch of invocations.

    A mean over a whole block would hold whatever else ran meanwhile; in the median of its samples that
    is missing, for as long as it took less than half of the time.
    """

    def __init__(
        self,
        work: Callable[[], object],
        *,
        clock: Callable[[], float] = time.perf_counter,
        settling_seconds: float = 0.0,
    ) -> None:
        """Prepare to time `work`.

        Args:
            work: one invocation.
            clock: in seconds.
            settling_seconds: how long to wait before a block, for threads of what ran before to fall
                asleep. The calling thread stays awake: a core that sleeps has to come back first.
        """
        self._work = work
        self._clock = clock
        self._settling_seconds = settling_seconds
        self.batch = 1  # invocations of a sample
        self.samples = 1  # of a block

    def calibrate(self) -> None:
        """Choose how many invocations make a sample, and how many samples a block."""
        self._work()
        while True:
            once = min(self._sample() for _ in range(3))
            if once * self.batch >= SAMPLE_SECONDS:
                break
            self.batch *= 2
        self.samples = max(1, round(BLOCK_SECONDS / (once * self.batch)))

    def times(self) -> list[float]:
        """Seconds of one invocation, one number a sample of a block."""
        self._settle()
        work = self._work
        for _ in range(1 + self.samples * self.batch // LEAD_IN):
            work()
        return [self._sample() for _ in range(self.samples)]

    def typical(self) -> float:
        """Seconds of one invocation: the median of a block's samples."""
        return statistics.median(self.times())

    def _settle(self) -> None:
        if self._settling_seconds:
            end = time.perf_counter() + self._settling_seconds
            while time.perf_counter() < end:
                pass

    def _sample(self) -> float:
        work, clock = self._work, self._clock
        start = clock()
        for _ in range(self.batch):
            work()
        return (clock() - start) / self.batch


def one_round(blocks: Sequence[Block], orders: Iterable[Iterable[int]]) -> list[float]:
    """Seconds of one invocation of each: the median of all the samples that it has in this round.

    Args:
        blocks: what is timed; calibrated.
        orders: of each turn, the indices of `blocks` in the order in which they run.
    """
    times: list[list[float]] = [[] for _ in blocks]
    for order in orders:
        for index in order:
            times[index] += blocks[index].times()
    return [statistics.median(samples) for samples in times]

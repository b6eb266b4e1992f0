"""The times of one engine among several that are measured in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.measurement import TURNS, Block, one_round, warm_up

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from benchmarks.engines import Engine

# Of engines that have several threads: LiteRT 2.3's use the cores for less than 0.2 ms after an invocation.
_SETTLING_SECONDS = 0.003


class Series:
    """One engine of a race and its times so far."""

    def __init__(self, engine: Engine, clock: Callable[[], float], *, with_threads: bool = False) -> None:
        """Prepare to measure an engine with a clock of seconds, among engines that may have threads."""
        self.engine = engine
        self.seconds: list[float] = []  # of one invocation, one number a round
        self.is_steady = True
        settling = _SETTLING_SECONDS if with_threads else 0.0
        self.block = Block(engine.once, clock=clock, settling_seconds=settling)

    def warm_up(self) -> None:
        """Choose how many calls a block has, and run until the times are steady."""
        self.block.calibrate()
        self.is_steady = warm_up(self.block.typical).is_steady


def measure_round(series: Sequence[Series], dice: random.Random) -> None:
    """Time each engine once more, in turns of random order."""
    orders = [dice.sample(range(len(series)), len(series)) for _ in range(TURNS)]
    for one, seconds in zip(series, one_round([one.block for one in series], orders), strict=True):
        one.seconds.append(seconds)

"""The times of one engine among several that are measured in turn."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

from edgekit.measurement import warm_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.engines import Engine

_BLOCK_SECONDS = 0.01  # one measurement: long beside the clock and the loop around it
_SETTLING_SECONDS = 0.003


@dataclasses.dataclass(kw_only=True)
class Series:
    """One engine of a race and its times so far."""

    engine: Engine
    clock: Callable[[], float]  # in seconds
    calls: int = 1  # of a block
    seconds: list[float] = dataclasses.field(default_factory=list)
    is_steady: bool = True

    def warm_up(self) -> None:
        """Run until the times are steady, and choose how many calls a block has."""
        self.calls = max(1, round(_BLOCK_SECONDS / max(self.block(), 1e-7)))
        self.is_steady = warm_up(self.block).is_steady

    def block(self) -> float:
        """Seconds an invocation, over a block of them."""
        time.sleep(_SETTLING_SECONDS)  # threads of the engine before, its work done, still watch for more
        for _ in range(1 + self.calls // 10):  # its data is in the caches
            self.engine.once()
        start = self.clock()
        for _ in range(self.calls):
            self.engine.once()
        return (self.clock() - start) / self.calls

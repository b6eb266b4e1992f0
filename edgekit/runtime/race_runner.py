#!/usr/bin/env python3
"""EdgeKit and LiteRT on one model, in turn, in one process on the device.

    race_runner.py LIBRARY MODEL INPUTS [--threads T] [--rounds N]

It needs litert_runner.py, edgekit_model.py and warm_up.py beside it, and what litert_runner.py needs.
Prints nanoseconds of one invocation, one pair a round, as JSON. Exit codes are those of litert_runner.py.

Why one process: both engines are resident and warm all the time, a round is two blocks of some 10 ms in
direct succession, so that whatever the machine does it does to both, and no link's delay is in between.
Short processes in turn would each start cold; two that wait for our word would wait for the link. Both are
called from Python, whose cost of about a microsecond both pay.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.measurement.warm_up import warm_up
    from edgekit.runtime import litert_runner
else:  # on the device they lie beside this file
    import litert_runner
    from warm_up import warm_up

BLOCK_SECONDS = 0.01  # enough invocations for a median
LEAD_IN = 0.2  # share of a block that runs first and is not timed: caches and threads come back
PAUSE_SECONDS = 0.02  # before a block of several threads: those of the other engine have gone to sleep


class Contender:
    """One engine with the first frame in its inputs."""

    def __init__(self, invoke: Callable[[], None], pause: float) -> None:
        self._invoke = invoke
        self._pause = pause
        self.calls = 1

    def calibrate(self) -> None:
        """Choose how many invocations make a block."""
        self._invoke()
        once = self._timed(3)
        self.calls = max(1, round(BLOCK_SECONDS * 1e9 / max(once, 100)))

    def block(self) -> float:
        """Nanoseconds of one invocation, the median of a block: what else ran in between does not count."""
        if self._pause:
            time.sleep(self._pause)
        for _ in range(max(1, int(self.calls * LEAD_IN))):
            self._invoke()
        return self._timed(self.calls)

    def _timed(self, calls: int) -> float:
        invoke, now, times = self._invoke, time.perf_counter_ns, []
        for _ in range(calls):
            start = now()
            invoke()
            times.append(now() - start)
        return float(statistics.median(times))


def race(contenders: dict[str, Contender], rounds: int) -> dict[str, Any]:
    """Warm each up until it is steady, then time them in turn; who goes first changes with every round."""
    warmed = {}
    for name, contender in contenders.items():
        contender.calibrate()
        warmed[name] = warm_up(contender.block)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    for _ in range(rounds):
        for name in order:
            times[name].append(contenders[name].block())
        order.reverse()
    return {
        "ns": times,
        "calls": {name: contender.calls for name, contender in contenders.items()},
        "warm_up_rounds": {name: done.rounds for name, done in warmed.items()},
        "is_steady": all(done.is_steady for done in warmed.values()),
    }


def edgekit_contender(path: str, frame: bytes, threads: int, pause: float) -> Contender:
    """EdgeKit's library. Raises RunnerError if it cannot be loaded."""
    import edgekit_model  # needs numpy, which only the Python with LiteRT is sure to have

    try:
        model = edgekit_model.Model(path, threads)
    except edgekit_model.ModelError as error:
        raise litert_runner.RunnerError(litert_runner.REFUSED, str(error)) from error
    model.invoke(*litert_runner.split_frame(frame, [(t.shape, t.dtype) for t in model.inputs]))
    return Contender(model.invoke_in_place, pause)


def main() -> int:
    """Run the race; returns the exit code."""
    parser = argparse.ArgumentParser(prog="race_runner.py")
    for name in ("library", "model", "inputs"):
        parser.add_argument(name)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=31)
    given = parser.parse_args()
    pause = PAUSE_SECONDS if given.threads > 1 else 0.0
    try:
        theirs = litert_runner.LiteRt(given.model, given.threads)
        theirs.require_xnnpack()
        frame = next(theirs.frames(given.inputs))
        theirs.feed(frame)
        contenders = {
            "edgekit": edgekit_contender(given.library, frame, given.threads, pause),
            "litert": Contender(theirs.bare_invoke, pause),
        }
        result = race(contenders, given.rounds)
    except litert_runner.RunnerError as error:
        sys.stderr.write(f"race_runner: {error}\n")
        return error.code
    return litert_runner.emit({**result, "runtime": theirs.runtime()})


if __name__ == "__main__":
    sys.exit(main())

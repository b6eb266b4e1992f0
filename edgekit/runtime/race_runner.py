#!/usr/bin/env python3
"""EdgeKit and LiteRT on one model, in turn, in one process on the device.

    race_runner.py LIBRARY MODEL INPUTS [--threads T] [--rounds N]

It needs litert_runner.py, edgekit_model.py, blocks.py and warm_up.py beside it, and what litert_runner.py
needs. Prints nanoseconds of one invocation, one pair a round, and its own CPU time, as JSON. Exit codes are
those of litert_runner.py.

Why one process: both engines are resident and warm all the time, a round is blocks of some 10 ms of one and
the other in direct succession, so that whatever the machine does it does to both, and no link's delay is in
between. Short processes in turn would each start cold; two that wait for our word would wait for the link.
Both are called from Python, whose cost of about a microsecond both pay.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgekit.measurement.blocks import TURNS, Block, one_round
    from edgekit.measurement.warm_up import warm_up
    from edgekit.runtime import litert_runner
else:  # on the device they lie beside this file
    import litert_runner
    from blocks import TURNS, Block, one_round
    from warm_up import warm_up

# Before a block of several threads: those of older LiteRTs watch for more work for so long.
SETTLING_SECONDS = 0.02


def race(contenders: dict[str, Block], rounds: int) -> dict[str, Any]:
    """Warm each up until it is steady, then time them in turn; who goes first changes with every turn."""
    warmed = []
    for block in contenders.values():
        block.calibrate()
        warmed.append(warm_up(block.typical))
    blocks, order = list(contenders.values()), list(range(len(contenders)))
    seconds = []
    for number in range(rounds):
        orders = [order if (number + turn) % 2 == 0 else order[::-1] for turn in range(TURNS)]
        seconds.append(one_round(blocks, orders))
    return {
        "ns": {name: [1e9 * each[i] for each in seconds] for i, name in enumerate(contenders)},
        "is_steady": all(done.is_steady for done in warmed),
    }


def edgekit_contender(path: str, frame: bytes, threads: int, settling: float) -> Block:
    """EdgeKit's library. Raises RunnerError if it cannot be loaded."""
    import edgekit_model  # needs numpy, which only the Python with LiteRT is sure to have

    try:
        model = edgekit_model.Model(path, threads)
    except edgekit_model.ModelError as error:
        raise litert_runner.RunnerError(litert_runner.REFUSED, str(error)) from error
    model.invoke(*litert_runner.split_frame(frame, [(t.shape, t.dtype) for t in model.inputs]))
    return Block(model.invoke_in_place, settling_seconds=settling)


def main() -> int:
    """Run the race; returns the exit code."""
    parser = argparse.ArgumentParser(prog="race_runner.py")
    for name in ("library", "model", "inputs"):
        parser.add_argument(name)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=31)
    given = parser.parse_args()
    settling = SETTLING_SECONDS if given.threads > 1 else 0.0
    try:
        theirs = litert_runner.LiteRt(given.model, given.threads)
        theirs.require_xnnpack()
        frame = next(theirs.frames(given.inputs))
        theirs.feed(frame)
        contenders = {
            "edgekit": edgekit_contender(given.library, frame, given.threads, settling),
            "litert": Block(theirs.bare_invoke, settling_seconds=settling),
        }
        result = race(contenders, given.rounds)
    except litert_runner.RunnerError as error:
        sys.stderr.write(f"race_runner: {error}\n")
        return error.code
    return litert_runner.emit({**result, "cpu_seconds": time.process_time(), "runtime": theirs.runtime()})


if __name__ == "__main__":
    sys.exit(main())

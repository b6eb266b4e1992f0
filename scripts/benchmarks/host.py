"""The host suite: whole-network latency on this machine, LiteRT with XNNPACK beside EdgeKit."""

from __future__ import annotations

import dataclasses
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import edgekit
from benchmarks.engines import EdgeKitEngine, Engine, LiteRtEngine, golden_frames
from edgekit.measurement import Ratio, paired_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLOCK_SECONDS = 0.01  # one measurement: long beside the clock and the loop around it
_WARM_UP_ROUNDS = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """One model on one machine."""

    name: str
    cpu: str
    threads: int
    macs: int
    ours_us: float  # median
    theirs_us: float
    ratio: Ratio
    exact: bool  # every output byte of every golden vector is the oracle's


def race(path: Path, work: Path, *, threads: int, rounds: int) -> Result:
    """Build a model for this machine and race the two engines.

    LiteRT runs with `threads`; EdgeKit has one thread so far.
    """
    bundle = edgekit.build(path, target="host", output=work)
    inputs, answers = golden_frames(bundle)
    ours, theirs = EdgeKitEngine(bundle), LiteRtEngine(path, threads)
    exact = all(_same(ours.outputs(frame), answer) for frame, answer in zip(inputs, answers, strict=True))
    theirs.feed(inputs[0])
    our_times, their_times = _interleaved(ours, theirs, rounds)
    return Result(
        name=path.stem,
        cpu=_cpu(),
        threads=threads,
        macs=bundle.manifest["macs"],
        ours_us=1e6 * float(np.median(our_times)),
        theirs_us=1e6 * float(np.median(their_times)),
        ratio=paired_ratio(our_times, their_times),
        exact=exact,
    )


def _same(actual: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> bool:
    return all(np.array_equal(a.reshape(-1), e.reshape(-1)) for a, e in zip(actual, expected, strict=True))


def _interleaved(ours: Engine, theirs: Engine, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds an invocation, a pair a round; who goes first changes with every round."""
    calls = {engine.name: _calls_for_a_block(engine) for engine in (ours, theirs)}
    times: dict[str, list[float]] = {ours.name: [], theirs.name: []}
    for round_number in range(_WARM_UP_ROUNDS + rounds):
        for engine in (ours, theirs) if round_number % 2 else (theirs, ours):
            seconds = _block(engine, calls[engine.name])
            if round_number >= _WARM_UP_ROUNDS:
                times[engine.name].append(seconds)
    return times[ours.name], times[theirs.name]


def _calls_for_a_block(engine: Engine) -> int:
    _block(engine, 1)
    return max(1, round(_BLOCK_SECONDS / max(_block(engine, 3), 1e-7)))


def _block(engine: Engine, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        engine.once()
    return (time.perf_counter() - start) / calls


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()

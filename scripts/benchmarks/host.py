"""The host suite: whole-network latency on this machine, LiteRT with XNNPACK beside EdgeKit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

import edgekit
from benchmarks.circumstances import cpu_name
from benchmarks.engines import EdgeKitEngine, Engine, LiteRtEngine, golden_frames
from benchmarks.result import Bar, Row
from edgekit.measurement import paired_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.contenders import Contender

_BLOCK_SECONDS = 0.01  # one measurement: long beside the clock and the loop around it
_WARM_UP_ROUNDS = 3


BARS = {1: Bar(geomean=1.3, worst=1.0), 2: Bar(geomean=1.2, worst=1.0)}


def race(contender: Contender, work: Path, *, threads: int, rounds: int) -> Row:
    """Build a model for this machine and race the two engines.

    LiteRT runs with `threads`; EdgeKit has one thread so far.
    """
    bundle = edgekit.build(contender.path, target="host", output=work)
    inputs, answers = golden_frames(bundle)
    ours, theirs = EdgeKitEngine(bundle), LiteRtEngine(contender.path, threads)
    exact = all(_same(ours.outputs(frame), answer) for frame, answer in zip(inputs, answers, strict=True))
    theirs.feed(inputs[0])
    our_times, their_times = _interleaved(ours, theirs, rounds)
    return Row(
        name=contender.name,
        cpu=cpu_name(),
        threads=threads,
        trained=contender.trained,
        macs=bundle.manifest["macs"],
        unit="us",
        edgekit=1e6 * float(np.median(our_times)),
        litert=1e6 * float(np.median(their_times)),
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

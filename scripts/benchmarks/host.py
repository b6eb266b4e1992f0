"""The host suite: whole-network latency on this machine, LiteRT with XNNPACK beside EdgeKit.

Both engines of all models are loaded first. Then come rounds: each takes every model in a new random order,
and times its engines in turn, three times in random order too. So whatever slows the machine
down for a while slows both engines, and no model has all of its rounds in the bad minute.
"""

from __future__ import annotations

import dataclasses
import random
import time
from typing import TYPE_CHECKING

import numpy as np

import edgekit
from benchmarks.circumstances import cpu_name
from benchmarks.engines import EdgeKitEngine, LiteRtEngine
from benchmarks.result import Bar, Row
from benchmarks.series import Series, measure_round
from edgekit.devices.frames import frames_of, load_golden
from edgekit.devices.local import LocalDevice
from edgekit.measurement import Evidence, judge, paired_ratio, read_state, round_ratios

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.contenders import Contender
    from edgekit.artifacts import Bundle
    from edgekit.measurement import MachineState

BARS = {1: Bar(geomean=1.3, worst=1.0), 2: Bar(geomean=1.2, worst=1.0)}
CLOCKS = {"wall": time.perf_counter, "cpu": time.thread_time}

_SEED = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Race:
    """One model, ready to run."""

    contender: Contender
    bundle: Bundle
    exact: bool
    ours: Series
    theirs: tuple[Series, ...]  # LiteRT with one thread, and with as many as EdgeKit if those are more

    @property
    def series(self) -> tuple[Series, ...]:
        return (self.ours, *self.theirs)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Conditions:
    """What the machine was like while the rounds ran."""

    before: MachineState
    after: MachineState
    own_cores: float  # that the engines kept busy, on average


def measure(
    contenders: Sequence[Contender],
    work: Path,
    *,
    threads: int,
    rounds: int,
    clock: str = "wall",
    say: Callable[[str], None],
) -> list[Row]:
    """Build the models for this machine and race the engines; EdgeKit with so many threads.

    LiteRT's time is that with one thread or with `threads`, whichever is lower in the median.

    Args:
        contenders: the models.
        work: a folder for builds.
        threads: of EdgeKit.
        rounds: how often each engine is measured.
        clock: "wall", or "cpu" for the time that the calling thread was on a core: all that can be
            read on a busy machine, and with one thread only.
        say: told what is being done.
    """
    races = []
    for contender in contenders:
        say(f"building {contender.name}")
        races.append(_ready(contender, work, threads, CLOCKS[clock]))
    for race in races:
        say(f"warming up {race.contender.name}")
        for series in race.series:
            series.warm_up()
    say(f"{rounds} rounds")
    conditions = _run(races, rounds)
    return [_row(race, threads, clock, conditions) for race in races]


def _ready(contender: Contender, work: Path, threads: int, clock: Callable[[], float]) -> _Race:
    bundle = edgekit.build(contender.path, target="host", output=work)
    golden = load_golden(bundle.path, bundle.manifest)
    frame = next(iter(frames_of(golden.inputs)))
    ours = EdgeKitEngine(bundle, threads)
    theirs = [LiteRtEngine(contender.path, count, frame) for count in sorted({1, threads})]
    return _Race(
        contender=contender,
        bundle=bundle,
        exact=ours.is_exact(golden),
        ours=Series(ours, clock, with_threads=threads > 1),
        theirs=tuple(Series(engine, clock, with_threads=threads > 1) for engine in theirs),
    )


def _run(races: Sequence[_Race], rounds: int) -> _Conditions:
    device, dice = LocalDevice(), random.Random(_SEED)
    before, began, used = read_state(device), time.monotonic(), time.process_time()
    for _ in range(rounds):
        for race in dice.sample(races, len(races)):
            measure_round(race.series, dice)
    own_cores = (time.process_time() - used) / (time.monotonic() - began)
    return _Conditions(before=before, after=read_state(device), own_cores=own_cores)


def _row(race: _Race, threads: int, clock: str, conditions: _Conditions) -> Row:
    best = min(race.theirs, key=lambda series: float(np.median(series.seconds)))
    evidence = Evidence(
        before=conditions.before,
        after=conditions.after,
        series=[race.ours.seconds, best.seconds],
        names=["EdgeKit", "LiteRT"],
        threads=threads,
        is_steady=race.ours.is_steady and best.is_steady,
        own_cores=conditions.own_cores,
        ratios=round_ratios(race.ours.seconds, best.seconds),
    )
    judged = judge(evidence)
    ours, theirs = (_quartiles_us(series) for series in (race.ours, best))
    return Row(
        name=race.contender.name,
        cpu=cpu_name(),
        threads=threads,
        trained=race.contender.trained,
        macs=race.bundle.manifest["macs"],
        unit="us",
        edgekit=ours[1],
        litert=theirs[1],
        ratio=paired_ratio(race.ours.seconds, best.seconds),
        exact=race.exact,
        more={
            "edgekit_middle_half_us": [ours[0], ours[2]],
            "litert_middle_half_us": [theirs[0], theirs[2]],
            "ratio_middle_half": [float(edge) for edge in np.percentile(evidence.ratios, [25, 75])],
            "clock": clock,
            "tuned_share": race.bundle.manifest["tuning"]["tuned_share"],
            "litert_threads": best.engine.threads if isinstance(best.engine, LiteRtEngine) else 1,
            "verdict": str(judged.verdict),
            "reasons": [reason.words for reason in judged.reasons],
        },
    )


def _quartiles_us(series: Series) -> tuple[float, float, float]:
    low, middle, high = (1e6 * float(each) for each in np.percentile(series.seconds, [25, 50, 75]))
    return low, middle, high

"""Whether a measurement can be believed, and why not: one small rule for each thing that spoils it."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import TYPE_CHECKING

from edgekit.measurement.timing import summarize

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgekit.measurement.state import MachineState

_FEWEST_ROUNDS = 5  # with fewer, no interval says anything
_ENOUGH_ROUNDS = 15
_WIDE_SPREAD = 0.1  # of the median: the middle half of the rounds
_HOPELESS_SPREAD = 0.5
_DRIFT = 0.1  # between the medians of the first and the second half
_CLOCK_CHANGE = 0.05
_STOLEN = 0.02  # share of the machine's time
_SPARE_CORE = 0.3  # with less than this of a core idle, somebody had to wait
_OTHERS = 0.2  # of a core, of other programs, where the model uses them all
_FEWEST_TICKS = 100  # of usually 10 ms, over all cores


class Verdict(StrEnum):
    """What a measurement is worth."""

    VALID = "VALID"  # nothing that could be read speaks against it
    DEGRADED = "DEGRADED"  # right in its order of magnitude; small differences mean nothing
    INVALID = "INVALID"  # not to be used


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reason:
    """What a rule found, in words for people."""

    verdict: Verdict
    rule: str
    words: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that a rule may look at."""

    before: MachineState
    after: MachineState
    series: Sequence[Sequence[float]]  # of each thing measured, one time a round, in one unit
    names: Sequence[str] = ()  # of the series, where there are several
    threads: int = 1
    is_steady: bool = True  # whether the warm-up ended because the times were steady
    own_cores: float | None = None  # kept busy by the measurement itself, on average; None: not known
    ratios: Sequence[float] = ()  # of a race, whose series were measured in turn: one a round


@dataclasses.dataclass(frozen=True, kw_only=True)
class Assessment:
    """The verdict on a measurement. `unseen` is what the device does not let anybody read."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    unseen: tuple[str, ...]


def judge(evidence: Evidence) -> Assessment:
    """Ask every rule; the worst of the answers is the verdict."""
    reasons = tuple(reason for rule in RULES if (reason := rule(evidence)) is not None)
    severity = list(Verdict)
    worst = max((reason.verdict for reason in reasons), key=severity.index, default=Verdict.VALID)
    return Assessment(verdict=worst, reasons=reasons, unseen=_unseen(evidence))


def too_few_rounds(evidence: Evidence) -> Reason | None:
    """Fewer than 5 rounds show no spread; with fewer than 15 the interval is wide."""
    rounds = min((len(times) for times in evidence.series), default=0)
    if rounds >= _ENOUGH_ROUNDS:
        return None
    verdict = Verdict.INVALID if rounds < _FEWEST_ROUNDS else Verdict.DEGRADED
    words = f"{rounds} rounds are too few to know the spread; {_ENOUGH_ROUNDS} or more are enough."
    return Reason(verdict=verdict, rule="too few rounds", words=words)


def spread_too_wide(evidence: Evidence) -> Reason | None:
    """The middle half of the rounds is wider than 10 % of the median; than 50 % is hopeless.

    But not for a race: what slows both engines of a round down leaves their ratio as it is, which has a
    rule of its own.
    """
    widest, whose = _worst(evidence, _relative_spread)
    if widest <= _WIDE_SPREAD:
        return None
    is_hopeless = widest > _HOPELESS_SPREAD and not evidence.ratios
    about = (
        "These times say little by themselves."
        if evidence.ratios
        else "Differences of that size mean nothing."
    )
    words = (
        f"The middle half of the rounds{whose} spreads over {widest:.0%} of the median: something else keeps "
        f"the device busy, or its clock changes. {about}"
    )
    verdict = Verdict.INVALID if is_hopeless else Verdict.DEGRADED
    return Reason(verdict=verdict, rule="spread too wide", words=words)


def ratios_spread_too_wide(evidence: Evidence) -> Reason | None:
    """The same of the ratios of a race's rounds: each engine was disturbed for itself."""
    spread = _relative_spread(evidence.ratios)
    if spread <= _WIDE_SPREAD:
        return None
    verdict = Verdict.INVALID if spread > _HOPELESS_SPREAD else Verdict.DEGRADED
    words = (
        f"The middle half of the rounds' ratios spreads over {spread:.0%} of the median: what disturbed the "
        "engines did not meet both alike. Differences of that size mean nothing."
    )
    return Reason(verdict=verdict, rule="ratios spread too wide", words=words)


def still_moving(evidence: Evidence) -> Reason | None:
    """The warm-up was given up before the times were steady, or they drift by more than 10 %."""
    drift, whose = _worst(evidence, _relative_drift)
    if evidence.is_steady and drift <= _DRIFT:
        return None
    words = (
        f"The second half of the rounds{whose} differs from the first by {drift:.0%}: the device got warmer, "
        "slower or busier meanwhile."
        if evidence.is_steady
        else "The times were not steady when the warm-up was given up."
    )
    return Reason(verdict=Verdict.DEGRADED, rule="still moving", words=words)


def throttled(evidence: Evidence) -> Reason | None:
    """The device held its clock down before, after, or (where the CPU counts that) meanwhile."""
    events = [state.throttle_events for state in (evidence.before, evidence.after)]
    meanwhile = None not in events and events[0] != events[1]
    if not (evidence.before.throttled or evidence.after.throttled or meanwhile):
        return None
    words = "The device throttles its clock (temperature or supply voltage): times are too long."
    return Reason(verdict=Verdict.INVALID, rule="throttled", words=words)


def clock_changed(evidence: Evidence) -> Reason | None:
    """The fastest core's clock differs by more than 5 % between before and after."""
    before, after = evidence.before.clock_mhz, evidence.after.clock_mhz
    if before is None or after is None or abs(after - before) <= _CLOCK_CHANGE * before:
        return None
    governor = evidence.before.governor
    by_load = f" The governor is {governor!r}: with 'performance' it stays." if governor else ""
    words = f"The clock was {before:.0f} MHz before and {after:.0f} MHz after.{by_load}"
    return Reason(verdict=Verdict.DEGRADED, rule="clock changed", words=words)


def clock_follows_the_load(evidence: Evidence) -> Reason | None:
    """The governor changes the clock, and the clock cannot be read to see whether it did."""
    governor, clock = evidence.before.governor, evidence.before.clock_mhz
    if governor in (None, "performance") or clock is not None:
        return None
    words = f"The governor is {governor!r}, which changes the clock, and the clock cannot be read."
    return Reason(verdict=Verdict.DEGRADED, rule="clock follows the load", words=words)


def others_wanted_the_cores(evidence: Evidence) -> Reason | None:
    """Other programs took, by the kernel's own account, more than the cores that the model leaves free.

    Where the measurement's own use is not known, only a model that wants fewer cores than there are shows it.
    """
    cores, shares, own = evidence.before.cores, _shares_of_time(evidence), evidence.own_cores
    if cores is None or shares is None or (own is None and evidence.threads >= cores):
        return None
    others = cores * shares.busy - (evidence.threads if own is None else own)
    if others <= max(cores - evidence.threads - _SPARE_CORE, _OTHERS):
        return None
    words = (
        f"Of the {cores} cores other programs kept {others:.1f} busy meanwhile, and the model uses "
        f"{evidence.threads}."
    )
    return Reason(verdict=Verdict.DEGRADED, rule="others wanted the cores", words=words)


def load_above_cores(evidence: Evidence) -> Reason | None:
    """More programs wanted to run, over the minute before, than there are cores."""
    cores, load = evidence.before.cores, evidence.before.load_average
    if cores is None or load is None or load <= cores:
        return None
    words = f"The load was {load:.1f} on {cores} cores before the first round."
    return Reason(verdict=Verdict.DEGRADED, rule="load above cores", words=words)


def host_took_time(evidence: Evidence) -> Reason | None:
    """A virtual machine waited for its host for more than 2 % of the time."""
    shares = _shares_of_time(evidence)
    if shares is None or shares.stolen <= _STOLEN:
        return None
    words = f"This is a virtual machine, and its host took {shares.stolen:.0%} of its time meanwhile."
    return Reason(verdict=Verdict.DEGRADED, rule="host took time", words=words)


RULES: tuple[Callable[[Evidence], Reason | None], ...] = (
    too_few_rounds,
    spread_too_wide,
    ratios_spread_too_wide,
    still_moving,
    throttled,
    clock_changed,
    clock_follows_the_load,
    others_wanted_the_cores,
    load_above_cores,
    host_took_time,
)


def _unseen(evidence: Evidence) -> tuple[str, ...]:
    state = evidence.before
    readings = {
        "clock": state.clock_mhz,
        "temperature": state.temperature_c,
        "throttling": state.throttled if state.throttled is not None else state.throttle_events,
        "governor": state.governor,
        "load": state.load_average,
    }
    return tuple(name for name, value in readings.items() if value is None)


def _worst(evidence: Evidence, figure: Callable[[Sequence[float]], float]) -> tuple[float, str]:
    """The largest figure of all series, and whose it is, in words that follow "the rounds"."""
    figures = [figure(times) for times in evidence.series]
    if not figures:
        return 0.0, ""
    worst = max(range(len(figures)), key=figures.__getitem__)
    return figures[worst], f" of {evidence.names[worst]}" if evidence.names else ""


def _relative_spread(times: Sequence[float]) -> float:
    if not times:
        return 0.0
    timing = summarize(times)
    return timing.iqr_ns / timing.median_ns if timing.median_ns else 0.0


def _relative_drift(times: Sequence[float]) -> float:
    half = len(times) // 2
    if half < _FEWEST_ROUNDS:
        return 0.0
    first, second = (summarize(part).median_ns for part in (times[:half], times[-half:]))
    return abs(second - first) / first if first else 0.0


@dataclasses.dataclass(frozen=True)
class _Shares:
    """Of all cores' time between the two readings, from 0 to 1."""

    busy: float
    stolen: float


def _shares_of_time(evidence: Evidence) -> _Shares | None:
    """None where the time is not readable, or too short to be told from the ticks it is counted in."""
    before, after = evidence.before.cpu_time, evidence.after.cpu_time
    if before is None or after is None or after.total - before.total < _FEWEST_TICKS:
        return None
    whole = after.total - before.total
    return _Shares((after.busy - before.busy) / whole, (after.stolen - before.stolen) / whole)

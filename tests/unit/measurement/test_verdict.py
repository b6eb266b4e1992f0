"""Every rule by itself, from made-up states and times."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from edgekit.measurement import Assessment, Evidence, MachineState, Verdict, judge, parse_state
from edgekit.measurement.state import CpuTime
from edgekit.measurement.verdict import RULES

QUIET = MachineState(
    cores=4,
    clocks_mhz=(1800.0, 600.0, 600.0, 600.0),
    clock_max_mhz=1800.0,
    governor="performance",
    temperature_c=45.0,
    throttled=False,
    throttle_events=None,
    load_average=0.3,
    cpu_time=CpuTime(busy=0, stolen=0, total=0),
)
BUSY_WITH_US = CpuTime(busy=1000, stolen=0, total=4000)
STEADY = (100.0, 101.0, 100.0, 99.0) * 5


def assess(
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    series: tuple[tuple[float, ...], ...] = (STEADY,),
    **others: Any,
) -> Assessment:
    first = dataclasses.replace(QUIET, **(before or {}))
    last = dataclasses.replace(QUIET, cpu_time=BUSY_WITH_US, **(before or {}))
    last = dataclasses.replace(last, **(after or {}))
    return judge(Evidence(before=first, after=last, series=series, **others))


def only(assessment: Assessment) -> tuple[Verdict, str]:
    (reason,) = assessment.reasons
    assert assessment.verdict == reason.verdict
    return reason.verdict, reason.rule


def test_steady_times_on_a_quiet_machine_are_valid() -> None:
    found = assess()
    assert (found.verdict, found.reasons, found.unseen) == (Verdict.VALID, (), ())


@pytest.mark.parametrize(
    ("rounds", "verdict"), [(0, Verdict.INVALID), (4, Verdict.INVALID), (5, Verdict.DEGRADED)]
)
def test_too_few_rounds(rounds: int, verdict: Verdict) -> None:
    assert only(assess(series=((100.0,) * rounds,))) == (verdict, "too few rounds")
    assert assess(series=((100.0,) * 15,)).verdict == Verdict.VALID


@pytest.mark.parametrize(("wide", "verdict"), [(120.0, Verdict.DEGRADED), (200.0, Verdict.INVALID)])
def test_a_wide_spread(wide: float, verdict: Verdict) -> None:
    assert only(assess(series=(STEADY, (100.0, wide) * 10))) == (verdict, "spread too wide")


def test_what_slows_both_engines_of_a_race_leaves_the_ratio_but_not_the_times() -> None:
    slowed = (100.0, 200.0) * 10
    found = assess(series=(slowed, slowed), names=("EdgeKit", "LiteRT"), ratios=(1.0,) * 20)
    assert only(found) == (Verdict.DEGRADED, "spread too wide")
    assert "say little by themselves" in found.reasons[0].words


@pytest.mark.parametrize(("wide", "verdict"), [(1.2, Verdict.DEGRADED), (2.0, Verdict.INVALID)])
def test_what_disturbs_each_engine_for_itself_spoils_the_ratio(wide: float, verdict: Verdict) -> None:
    assert only(assess(series=(STEADY, STEADY), ratios=(1.0, wide) * 10)) == (
        verdict,
        "ratios spread too wide",
    )


def test_who_of_several_spreads_and_drifts_is_said() -> None:
    wide = (100.0, 130.0) * 5 + (150.0, 180.0) * 5
    found = assess(series=(STEADY, wide), names=("EdgeKit", "LiteRT"))
    assert [reason.rule for reason in found.reasons] == ["spread too wide", "still moving"]
    assert all("the rounds of LiteRT" in reason.words for reason in found.reasons)
    nameless = assess(series=(wide,)).reasons
    assert [" of LiteRT" in reason.words for reason in nameless] == [False, False]


def test_one_disturbed_round_is_no_wide_spread() -> None:
    assert assess(series=((*STEADY, 1e6),)).verdict == Verdict.VALID


def test_a_warm_up_that_was_given_up() -> None:
    assert only(assess(is_steady=False)) == (Verdict.DEGRADED, "still moving")


def test_times_that_drift() -> None:
    drifting = tuple(100.0 + n for n in range(30))
    assert ("still moving" in [reason.rule for reason in assess(series=(drifting,)).reasons]) is True


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"throttled": True}, {"throttled": False}),
        ({}, {"throttled": True}),
        ({"throttle_events": 3}, {"throttle_events": 4}),
    ],
)
def test_throttling_makes_it_invalid(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert only(assess(before, after)) == (Verdict.INVALID, "throttled")


def test_throttling_long_ago_is_over() -> None:
    assert assess({"throttle_events": 3}).verdict == Verdict.VALID


def test_a_clock_that_changed_and_what_to_do_about_it() -> None:
    found = assess({"governor": "ondemand"}, {"clocks_mhz": (600.0,) * 4})
    assert only(found) == (Verdict.DEGRADED, "clock changed")
    assert "1800 MHz before and 600 MHz after" in found.reasons[0].words
    assert "'performance'" in found.reasons[0].words


def test_a_clock_that_stayed_is_well_under_any_governor() -> None:
    assert assess({"governor": "ondemand"}, {"clocks_mhz": (1790.0,)}).verdict == Verdict.VALID


def test_a_clock_that_follows_the_load_unseen() -> None:
    found = assess({"governor": "ondemand", "clocks_mhz": None})
    assert only(found) == (Verdict.DEGRADED, "clock follows the load")
    assert found.unseen == ("clock",)


def test_others_on_all_other_cores() -> None:
    busy = {"cpu_time": CpuTime(busy=3900, stolen=0, total=4000)}
    assert only(assess(after=busy)) == (Verdict.DEGRADED, "others wanted the cores")
    assert assess(after=busy, threads=4).verdict == Verdict.VALID  # that may be us


def test_others_beside_a_model_that_wants_all_cores() -> None:
    busy = {"cpu_time": CpuTime(busy=3900, stolen=0, total=4000)}
    assert only(assess(after=busy, threads=4, own_cores=3.5)) == (Verdict.DEGRADED, "others wanted the cores")
    assert assess(after=busy, threads=4, own_cores=3.8).verdict == Verdict.VALID
    assert (
        assess(after=busy, threads=2, own_cores=2.5).verdict == Verdict.VALID
    )  # two cores were left for them
    words = assess(after=busy, threads=4, own_cores=3.5).reasons[0].words
    assert "other programs kept 0.4 busy" in words


def test_a_moment_is_too_short_to_tell_who_ran() -> None:
    assert assess(after={"cpu_time": CpuTime(busy=90, stolen=9, total=90)}).verdict == Verdict.VALID


def test_a_load_above_the_cores() -> None:
    assert only(assess({"load_average": 4.5})) == (Verdict.DEGRADED, "load above cores")


def test_a_virtual_machine_that_had_to_wait() -> None:
    stolen = {"cpu_time": CpuTime(busy=1000, stolen=100, total=4000)}
    assert only(assess(after=stolen)) == (Verdict.DEGRADED, "host took time")


def test_the_worst_reason_is_the_verdict_and_all_are_told() -> None:
    found = assess({"load_average": 9.0}, {"throttled": True})
    assert found.verdict == Verdict.INVALID
    assert [reason.rule for reason in found.reasons] == ["throttled", "load above cores"]


def test_a_machine_that_tells_nothing_is_not_blamed_for_it_but_it_is_said() -> None:
    nothing = parse_state("")
    found = judge(Evidence(before=nothing, after=nothing, series=(STEADY,)))
    assert found.verdict == Verdict.VALID
    assert found.unseen == ("clock", "temperature", "throttling", "governor", "load")


def test_every_rule_says_what_it_is_for() -> None:
    assert all(rule.__doc__ for rule in RULES)

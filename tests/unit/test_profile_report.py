"""The figures of a profile, from made-up timings: a real clock would make a test that fails at times."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.devices.probe import parse_facts
from edgekit.devices.runner import ProfileSamples
from edgekit.measurement import Verdict, parse_state, summarize
from edgekit.profile import InstructionStep, Profile
from edgekit.profile.report import make_instruction_profile, make_profile

MANIFEST: dict[str, Any] = {
    "model": {"name": "m"},
    "engine": "edgekit",
    "target": {"name": "rpi4"},
    "macs": 4000,
    "memory": {"arena_bytes": 10},
    "operators": [
        {"index": 0, "kind": "CONV_2D", "kernel": "k0", "macs": 4000, "output": "a"},
        {"index": 2, "kind": "SOFTMAX", "kernel": "k1", "macs": 0, "output": "b"},
    ],
}
MACHINE, QUIET = parse_facts(""), parse_state("")


def profile_of(*totals: int, is_throttled: bool = False) -> Profile:
    samples = ProfileSamples(runs=len(totals), total_ns=totals, step_ns=((300, 310, 290), (100, 100, 100)))
    after = dataclasses.replace(QUIET, throttled=is_throttled)
    return make_profile(MANIFEST, samples, device="board", machine=MACHINE, before=QUIET, after=after)


@given(st.lists(st.integers(0, 2**50), min_size=1, max_size=50))
def test_figures_equal_numpys(samples: list[int]) -> None:
    timing = summarize(samples)
    median = np.median(samples)
    assert timing.median_ns == median
    assert timing.mad_ns == np.median(np.abs(np.array(samples) - median))
    np.testing.assert_allclose([timing.p25_ns, timing.p75_ns], np.percentile(samples, [25, 75]), rtol=1e-12)
    assert (timing.min_ns, timing.max_ns) == (min(samples), max(samples))


def test_one_disturbed_run_does_not_move_the_median() -> None:
    assert summarize([100, 101, 99, 100, 10**9]).median_ns == 100


def test_shares_are_of_all_steps_and_rates_of_the_multiplications() -> None:
    found = profile_of(400, 410, 405)
    conv, softmax = found.steps
    assert (conv.share, softmax.share) == (0.75, 0.25)
    assert conv.macs_per_second == pytest.approx(4000 / 300e-9)
    assert softmax.macs_per_second is None
    assert found.macs_per_second == pytest.approx(4000 / 405e-9)
    assert (conv.index, softmax.index) == (0, 2)


def test_the_scaling_of_a_step_is_how_many_times_faster_several_threads_are() -> None:
    alone = ProfileSamples(runs=3, total_ns=(800, 810, 790), step_ns=((600, 620, 580), (90, 90, 90)))
    shared = ProfileSamples(runs=3, total_ns=(400, 400, 400), step_ns=((300, 300, 300), (100, 100, 100)))
    state: dict[str, Any] = {"machine": MACHINE, "before": QUIET, "after": QUIET}
    found = make_profile(MANIFEST, shared, threads=2, one_thread=alone, device="board", **state)
    assert [step.scaling for step in found.steps] == [2.0, 0.9]
    assert (found.threads, found.scaling) == (2, 2.0)
    assert found.one_thread == summarize((800, 810, 790))


def test_a_scaling_is_worth_no_more_than_either_of_its_times() -> None:
    def samples(*totals: int) -> ProfileSamples:
        return ProfileSamples(runs=len(totals), total_ns=totals, step_ns=((300,), (100,)))

    steady, scattered = samples(*(400, 404) * 10), samples(*(800, 1000) * 10)
    state: dict[str, Any] = {"machine": MACHINE, "before": QUIET, "after": QUIET}
    found = make_profile(MANIFEST, steady, threads=2, one_thread=scattered, device="board", **state)
    assert found.assessment.verdict is Verdict.DEGRADED
    assert "the rounds of 1 thread spread" in found.assessment.reasons[0].words


def test_one_thread_has_no_scaling() -> None:
    found = profile_of(400)
    assert (found.threads, found.one_thread, found.scaling) == (1, None, None)
    assert [step.scaling for step in found.steps] == [None, None]


def test_steady_times_on_a_quiet_machine_are_valid() -> None:
    assert profile_of(*(400, 401, 402) * 5).assessment.verdict == Verdict.VALID


def test_scattered_times_are_said_to_be_noise() -> None:
    (reason,) = profile_of(*(400, 600, 800) * 5).assessment.reasons
    assert "67% of the median" in reason.words


def test_throttling_that_begins_while_timing_is_seen() -> None:
    assert profile_of(*(400, 401) * 10, is_throttled=True).assessment.verdict == Verdict.INVALID


def test_instructions_have_shares_and_no_time() -> None:
    found = make_instruction_profile(MANIFEST, (6000, 2000), device="emulated rpi4", emulator="qemu")
    assert found.total_instructions == 8000
    assert [(step.share, step.instructions_per_mac) for step in found.steps] == [(0.75, 1.5), (0.25, None)]
    names = {field.name for kind in (type(found), InstructionStep) for field in dataclasses.fields(kind)}
    assert not [name for name in names for word in ("time", "_ns", "second", "latency") if word in name]


def test_a_model_that_multiplies_nothing_has_no_rate() -> None:
    manifest = {**MANIFEST, "macs": 0, "operators": [{**op, "macs": 0} for op in MANIFEST["operators"]]}
    samples = ProfileSamples(runs=1, total_ns=(0,), step_ns=((0,), (0,)))
    found = make_profile(manifest, samples, device="d", machine=MACHINE, before=QUIET, after=QUIET)
    assert found.macs_per_second is None
    assert [step.share for step in found.steps] == [0.0, 0.0]

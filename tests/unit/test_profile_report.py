"""The figures of a profile, from made-up timings: a real clock would make a test that fails at times."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.devices.probe import MachineFacts, parse_facts
from edgekit.devices.runner import ProfileSamples
from edgekit.profile import InstructionStep, Profile
from edgekit.profile.report import make_instruction_profile, make_profile
from edgekit.profile.statistics import summarize

MANIFEST: dict[str, Any] = {
    "model": {"name": "m"},
    "target": {"name": "rpi4"},
    "macs": 4000,
    "memory": {"arena_bytes": 10},
    "operators": [
        {"index": 0, "kind": "CONV_2D", "kernel": "k0", "macs": 4000, "output": "a"},
        {"index": 2, "kind": "SOFTMAX", "kernel": "k1", "macs": 0, "output": "b"},
    ],
}
QUIET = parse_facts("")


def profile_of(*totals: int, before: MachineFacts = QUIET, after: MachineFacts = QUIET) -> Profile:
    samples = ProfileSamples(runs=len(totals), total_ns=totals, step_ns=((300, 310, 290), (100, 100, 100)))
    return make_profile(MANIFEST, samples, device="board", warmup=1, before=before, after=after)


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


def test_steady_times_on_a_quiet_machine_need_no_warning() -> None:
    assert profile_of(400, 401, 402).warnings == ()


def test_scattered_times_are_said_to_be_noise() -> None:
    (warning,) = profile_of(400, 600, 800).warnings
    assert "33% of the median" in warning


@pytest.mark.parametrize(
    ("change", "word"),
    [({"governor": "ondemand"}, "'ondemand'"), ({"throttled_now": True}, "throttles")],
)
def test_a_machine_that_bends_times_is_named(change: dict[str, Any], word: str) -> None:
    (warning,) = profile_of(400, 401, before=dataclasses.replace(QUIET, **change)).warnings
    assert word in warning


def test_throttling_that_begins_while_timing_is_seen() -> None:
    (warning,) = profile_of(400, 401, after=dataclasses.replace(QUIET, throttled_now=True)).warnings
    assert "throttles" in warning


def test_instructions_have_shares_and_no_time() -> None:
    found = make_instruction_profile(MANIFEST, (6000, 2000), device="emulated rpi4", emulator="qemu")
    assert found.total_instructions == 8000
    assert [(step.share, step.instructions_per_mac) for step in found.steps] == [(0.75, 1.5), (0.25, None)]
    names = {field.name for kind in (type(found), InstructionStep) for field in dataclasses.fields(kind)}
    assert not [name for name in names for word in ("time", "_ns", "second", "latency") if word in name]


def test_a_model_that_multiplies_nothing_has_no_rate() -> None:
    manifest = {**MANIFEST, "macs": 0, "operators": [{**op, "macs": 0} for op in MANIFEST["operators"]]}
    samples = ProfileSamples(runs=1, total_ns=(0,), step_ns=((0,), (0,)))
    found = make_profile(manifest, samples, device="d", warmup=0, before=QUIET, after=QUIET)
    assert found.macs_per_second is None
    assert [step.share for step in found.steps] == [0.0, 0.0]

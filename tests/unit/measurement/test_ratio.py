"""What the benchmarks make of two series of times."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.measurement import geometric_mean, paired_ratio


def test_twice_as_fast_in_every_round_is_a_ratio_of_two_and_sure() -> None:
    ratio = paired_ratio([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
    assert (ratio.middle, ratio.low, ratio.high) == (2.0, 2.0, 2.0)
    assert ratio.verdict == "faster"


def test_a_machine_that_slows_down_does_not_change_the_ratio() -> None:
    drift = np.linspace(1.0, 5.0, 21)
    assert paired_ratio(list(3.0 * drift), list(2.0 * drift)).middle == pytest.approx(2 / 3)
    assert paired_ratio(list(3.0 * drift), list(2.0 * drift)).verdict == "slower"


def test_noise_around_one_names_no_winner() -> None:
    random = np.random.default_rng(0)
    ours, theirs = random.lognormal(0, 0.3, 31), random.lognormal(0, 0.3, 31)
    ratio = paired_ratio(list(ours), list(theirs))
    assert ratio.low < 1.0 < ratio.high
    assert ratio.verdict == "no difference shown"


def test_the_interval_holds_the_true_ratio_about_95_times_in_a_hundred() -> None:
    random = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        ours = np.ones(31)
        theirs = 1.5 * random.lognormal(0, 0.2, 31)
        ratio = paired_ratio(list(ours), list(theirs))
        held += ratio.low <= 1.5 <= ratio.high
    assert 0.88 <= held / 200 <= 0.99


def test_the_mean_treats_twice_and_half_alike() -> None:
    assert geometric_mean([2.0, 0.5]) == pytest.approx(1.0)

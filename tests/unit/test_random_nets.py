"""Randomly composed nets, built for this machine, answer as the reference interpreter does: every bit."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from edgekit.oracle import run_oracle
from edgekit.testing.int8 import assert_same_bits
from edgekit.testing.native import run_native
from edgekit.testing.random_nets import RandomNet, nets, random_net

FRAMES = 4  # the extremes of every input, then two random ones; state is carried along


def assert_agrees(net: RandomNet) -> None:
    frames = net.frames(FRAMES)
    answers = run_native(net.flatbuffer, frames)
    for frame, (actual, expected) in enumerate(zip(answers, run_oracle(net.flatbuffer, frames), strict=True)):
        for position, (ours, theirs) in enumerate(zip(actual, expected, strict=True)):
            assert_same_bits(ours, theirs, f"{net!r}: output {position} of frame {frame}")


@pytest.mark.parametrize("seed", range(12))
def test_a_random_net_agrees_with_the_reference(seed: int) -> None:
    assert_agrees(random_net(seed))


@pytest.mark.full
@pytest.mark.parametrize("seed", range(12, 212))
def test_many_random_nets_agree_with_the_reference(seed: int) -> None:
    assert_agrees(random_net(seed))


@pytest.mark.full
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(net=nets())
def test_any_random_net_agrees_with_the_reference(net: RandomNet) -> None:
    assert_agrees(net)

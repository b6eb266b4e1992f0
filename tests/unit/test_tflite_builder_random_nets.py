"""Random nets are models that the reader takes and the reference interpreter runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from edgekit.ingest import read_tflite
from edgekit.ingest.schema import OPTIONS_OF
from edgekit.oracle import run_oracle
from edgekit.testing.random_nets import RandomNet, nets, random_net

FRAMES = 3


def assert_runs(net: RandomNet) -> None:
    graph = read_tflite(net.flatbuffer).graph
    assert [graph.tensors[i].shape for i in graph.inputs] == [each.shape for each in net.inputs]
    answers = run_oracle(net.flatbuffer, net.frames(FRAMES))
    assert len(answers) == FRAMES
    for answer in answers:
        assert [array.shape for array in answer] == [graph.tensors[i].shape for i in graph.outputs]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(net=nets())
def test_any_random_net_is_read_and_runs_in_the_reference_interpreter(net: RandomNet) -> None:
    assert_runs(net)


@pytest.mark.full
@pytest.mark.parametrize("batch", range(10))
def test_a_thousand_seeded_nets_are_read_and_run_in_the_reference_interpreter(batch: int) -> None:
    for seed in range(batch * 100, batch * 100 + 100):
        assert_runs(random_net(seed))


def test_seeds_reach_every_operator_that_can_be_built() -> None:
    reached = {
        operator.kind
        for seed in range(400)
        for operator in read_tflite(random_net(seed).flatbuffer).graph.operators
    }
    # SHAPE makes sizes, and has a test of its own; CALL_ONCE and the like come with the streaming nets.
    assert set(OPTIONS_OF) - reached == {"SHAPE"}


def test_a_seed_gives_the_same_net_and_the_same_frames() -> None:
    first, second = random_net(7), random_net(7)
    assert first == second
    for one, other in zip(first.frames(3), second.frames(3), strict=True):
        for left, right in zip(one, other, strict=True):
            np.testing.assert_array_equal(left, right)


def test_most_nets_answer_differently_to_different_inputs() -> None:
    lively = 0
    for seed in range(60):
        net = random_net(seed)
        answers = run_oracle(net.flatbuffer, net.frames(4))
        lively += any((a != b).any() for a, b in zip(answers[2], answers[3], strict=True))
    assert lively >= 36

"""What the passes make of trained streaming models."""

from __future__ import annotations

from collections import Counter

import pytest

import edgekit.lower as stage
from edgekit.artifacts import LoweredModule
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.lower.passes import MODULE_PASSES
from edgekit.testing.models import STREAMING, model_path
from tests.unit.operators.harness import assert_matches_oracle


def kinds(module: LoweredModule) -> Counter[str]:
    return Counter(call.kind for call in module.calls)


@pytest.mark.parametrize("name", STREAMING)
def test_reading_and_joining_state_costs_one_copy(name: str) -> None:
    model = read_tflite(model_path(name))
    graph = Counter(operator.kind for operator in model.graph.operators)
    counts = kinds(lower(model))
    assert counts["READ_VARIABLE"] == counts["STRIDED_SLICE"] == counts["RESHAPE"] == 0
    # One for each state, and one for the network's input, which may not move.
    assert counts["CONCATENATION"] == graph["READ_VARIABLE"] + 1
    assert counts["ASSIGN_VARIABLE"] == graph["ASSIGN_VARIABLE"]


@pytest.mark.parametrize("left_out", [None, *MODULE_PASSES[:2]], ids=lambda p: getattr(p, "__name__", "none"))
def test_every_frame_is_the_oracles_with_and_without_each_pass(
    left_out: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "MODULE_PASSES", [p for p in MODULE_PASSES if p is not left_out])
    assert_matches_oracle(model_path("okay_nabu").read_bytes(), 4)

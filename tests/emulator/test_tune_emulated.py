"""Tuning by counted instructions, and every candidate's bytes on each class of ARM CPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import edgekit
from edgekit.devices.choice import DeviceChoice
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.schedule import candidates
from edgekit.schedule.cpu import cpu_class
from edgekit.schedule.tasks import tasks
from edgekit.search.build import Request, build_batch
from edgekit.search.strategy import proposals
from edgekit.store import Store
from edgekit.target import load_target
from edgekit.testing.convolution_cases import ConvolutionCase, Numbers, convolutions_model
from edgekit.testing.tunable import tunable_model
from edgekit.verbs.tune import batch_runner

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.emulator

TARGETS = ("rpi4", "rpi5", "beaglebone-black")
CASES = [
    ConvolutionCase(5, 7, 16, 24),
    ConvolutionCase(5, 7, 20, 9, (3, 3)),
    ConvolutionCase(9, 9, 3, 8, (3, 3), 2),
    ConvolutionCase(1, 1, 100, 10),
]


def silent(_text: str, _share: float | None) -> None:
    """Progress that nobody watches."""


@pytest.mark.parametrize("target", TARGETS)
def test_every_proposed_candidate_gives_the_canonical_kernels_bytes(target: str) -> None:
    chosen = load_target(target)
    content = [convolutions_model(CASES, Numbers()), tunable_model()]
    with batch_runner(chosen, DeviceChoice(emulated=True), silent) as runner:
        for model in content:
            for task in tasks(lower(read_tflite(model, name="model")), chosen):
                choices = proposals(candidates(task.job, cpu_class(chosen)), {})
                items = tuple((task, choice) for choice in choices)
                samples = runner.measure(build_batch(Request(items=items, target=chosen)), 1)
                assert len(samples) == len(items)


def test_counted_scores_repeat_and_are_labelled(tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(tunable_model())
    scores = []
    for name in ("one", "two"):
        report = edgekit.tune(model, target="rpi4", trials=6, store=tmp_path / name)
        assert (report.unit, report.source, report.trials) == ("instructions", "emulator", 6)
        with Store(tmp_path / name) as store:
            kept = store.all_records()
        assert all("qemu-aarch64 version" in record.machine for record in kept)
        scores.append({(record.template, record.parameters): record.score for record in kept})
    assert scores[0] == scores[1]

"""Tuning for microcontrollers by counted instructions, and the build that takes what was found."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import edgekit
from edgekit import schedule as stage
from edgekit.devices.choice import DeviceChoice
from edgekit.errors import NotEmulatedError
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.profile.report import InstructionProfile
from edgekit.schedule import candidates
from edgekit.schedule.cpu import cpu_class
from edgekit.schedule.tasks import tasks
from edgekit.schedule.template import Template, one_point
from edgekit.schedule.templates.mcu_convolution import MCU_CONVOLUTION
from edgekit.search.build import Request, build_batch
from edgekit.search.firmware import MicrocontrollerRunner
from edgekit.search.lookup import VERSIONS
from edgekit.search.measure import CandidateDiffersError
from edgekit.search.tuning import Budget, Tuner
from edgekit.store import Store
from edgekit.target import load_target
from edgekit.testing.convolution_cases import ConvolutionCase, Numbers, convolutions_model
from edgekit.testing.tunable import tunable_model

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.schedule.template import Job

pytestmark = pytest.mark.emulator

CASES = [
    ConvolutionCase(5, 7, 16, 10, (3, 3)),
    ConvolutionCase(1, 1, 100, 10),
    ConvolutionCase(6, 5, 8, 8, (3, 3), padding="VALID", depth_multiplier=1),
]


def silent(_text: str, _share: float | None) -> None:
    """Progress that nobody watches."""


@pytest.mark.parametrize(
    "core", ["cortex-m4", pytest.param("cortex-m3", marks=pytest.mark.full), "cortex-m55"]
)
def test_every_candidate_gives_the_canonical_kernels_bytes(core: str) -> None:
    target = load_target(core)
    runner = MicrocontrollerRunner(target)
    work = tasks(lower(read_tflite(convolutions_model(CASES, Numbers()), name="model")), target)
    assert len(work) >= 2
    for task in work:
        items = tuple((task, choice) for choice in candidates(task.job, cpu_class(target)))
        samples = runner.measure(build_batch(Request(items=items, target=target)), 1)
        assert len(samples) == len(items)
        assert all(len(counts) == 1 and counts[0] > 0 for counts in samples)


def test_a_build_takes_what_was_counted_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_TUNING_STORE", str(tmp_path / "store"))
    model = tmp_path / "tunable.tflite"
    model.write_bytes(tunable_model())
    report = edgekit.tune(model, target="cortex-m4")
    assert (report.unit, report.source, report.is_complete) == ("instructions", "emulator", True)
    assert "mps2-an386, arm-none-eabi-gcc" in report.machine
    assert [task.measured for task in report.tasks] == [task.candidates for task in report.tasks]
    with Store(tmp_path / "store") as store:
        kept = store.all_records()
    assert len(kept) == report.trials
    assert {(record.cpu_class, record.cpu) for record in kept} == {("mcu-dsp", "cortex-m4")}
    bundle = edgekit.build(model, target="cortex-m4", output=tmp_path / "build")
    assert bundle.manifest["tuning"]["by"] == {"emulator": pytest.approx(1.0)}
    assert edgekit.verify(bundle.path).equal
    # What was counted alone is what a profile of the build counts.
    profile = edgekit.profile(bundle.path)
    assert isinstance(profile, InstructionProfile)
    assert [step.instructions for step in profile.steps] == [
        pytest.approx(task.best_score, rel=0.01) for task in report.tasks
    ]
    again = edgekit.tune(model, target="cortex-m4")
    assert again.trials == 0


def test_a_core_that_is_only_compiled_for_cannot_be_tuned_for(tmp_path: Path) -> None:
    model = tmp_path / "tunable.tflite"
    model.write_bytes(tunable_model())
    with pytest.raises(NotEmulatedError, match="cortex-m85 cannot be emulated"):
        edgekit.tune(model, target="cortex-m85", store=tmp_path / "store", device=DeviceChoice(emulated=True))


def _shifted(job: Job, cpu: Any, parameters: Any) -> Any:
    """A kernel that is off by one wherever the output is not clamped."""
    how = job.workload.requantization
    wrong = dataclasses.replace(how, zero_point=how.zero_point + 1)
    load = dataclasses.replace(job.workload, requantization=wrong)
    return MCU_CONVOLUTION.apply(dataclasses.replace(job, workload=load), cpu, parameters)


WRONG = Template(
    name="wrong",
    kind="convolution",
    version=1,
    fits=lambda _job, _cpu: True,
    space=one_point,
    apply=_shifted,
)


def test_a_candidate_that_computes_something_else_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "MCU_TEMPLATES", (*stage.MCU_TEMPLATES, WRONG))
    monkeypatch.setitem(VERSIONS, WRONG.name, WRONG.version)
    target = load_target("cortex-m4")
    work = tasks(lower(read_tflite(tunable_model(), name="model")), target)
    runner = MicrocontrollerRunner(target)
    with (
        Store(tmp_path / "store") as store,
        ThreadPoolExecutor(1) as pool,
        pytest.raises(CandidateDiffersError, match="on the emulated cortex-m4") as caught,
    ):
        Tuner(target, runner, store, pool, workers=1, progress=silent).run(work, Budget())
    assert "template wrong" in " ".join(caught.value.__notes__)
    with Store(tmp_path / "store") as store:
        assert not [kept for kept in store.all_records() if kept.template == "wrong"]

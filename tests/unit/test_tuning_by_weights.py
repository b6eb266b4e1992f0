"""Kernels that only some weights allow: they are measured where they fit, and no record switches them off."""

from __future__ import annotations

import pytest

from edgekit.artifacts import LoweredModule
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.schedule import candidates, schedule
from edgekit.schedule.cpu import cpu_class
from edgekit.schedule.tasks import Task, tasks
from edgekit.schedule.template import Choice
from edgekit.search.lookup import VERSIONS, StoreLookup
from edgekit.search.strategy import proposals
from edgekit.store import Record, RecordSet, Source, Unit
from edgekit.target import load_target
from edgekit.testing.convolution_cases import ConvolutionCase, Numbers, convolutions_model

ARM = load_target("rpi4")
CASE = ConvolutionCase(8, 8, 16, 16, (3, 3))
NEAR = ConvolutionCase(8, 8, 24, 16, (3, 3))
LARGE = Numbers()
SMALL = Numbers(lowest_weight=-60, highest_weight=60)  # any four of them may be added in int16
LONG, SHORT = "neon_mlal_long_rows", "neon_mlal_rows"


def lowered(case: ConvolutionCase, numbers: Numbers) -> LoweredModule:
    return lower(read_tflite(convolutions_model([case], numbers), name="model"))


def only_task(case: ConvolutionCase, numbers: Numbers) -> Task:
    (task,) = tasks(lowered(case, numbers), ARM)
    return task


def counted(task: Task, scores: dict[tuple[str, str], float]) -> RecordSet:
    """What an emulator counted for a task's candidates."""
    return RecordSet(
        Record(
            kind=task.kind,
            workload=task.workload,
            template=template,
            version=VERSIONS[template],
            parameters=parameters,
            cpu_class=cpu_class(ARM).name,
            cpu=ARM.cpu,
            features="neon",
            source=Source.EMULATOR,
            machine="an emulator",
            unit=Unit.INSTRUCTIONS,
            score=score,
            spread=0.0,
            clock_mhz=None,
            date="2026-11-22",
            edgekit="0.1",
        )
        for (template, parameters), score in scores.items()
    )


PATCHES, RUNS = '{"reads":"patches"}', '{"reads":"runs"}'


def script(case: ConvolutionCase, numbers: Numbers, records: RecordSet) -> str:
    tuned = schedule(lowered(case, numbers), ARM, StoreLookup([records], ARM))
    return str(tuned.module.script())


def test_the_kernel_of_small_weights_is_measured_where_they_are_small() -> None:
    small, large = only_task(CASE, SMALL), only_task(CASE, LARGE)
    names = [{choice.template for choice in _proposed(task)} for task in (small, large)]
    assert small.workload == large.workload
    assert LONG in names[0]
    assert LONG not in names[1]
    assert candidates(small.job, cpu_class(ARM))[0].template == LONG


def _proposed(task: Task) -> tuple[Choice, ...]:
    return proposals(candidates(task.job, cpu_class(ARM)), {})


@pytest.mark.parametrize("measured", [CASE, NEAR], ids=["this shape", "the nearest"])
def test_records_of_large_weights_do_not_switch_off_the_kernel_of_small_ones(
    measured: ConvolutionCase,
) -> None:
    known = counted(only_task(measured, LARGE), {(SHORT, PATCHES): 1.0, (SHORT, RUNS): 2.0})
    assert "ek_convolution_row_mlal_long" in script(CASE, SMALL, known)
    assert "ek_gather_patches" in script(CASE, LARGE, known)


def test_records_of_small_weights_decide_for_large_ones_among_what_these_allow() -> None:
    scores = {(LONG, "{}"): 1.0, (SHORT, PATCHES): 2.0, (SHORT, RUNS): 3.0}
    known = counted(only_task(CASE, SMALL), scores)
    assert "ek_convolution_row_mlal_long" in script(CASE, SMALL, known)
    assert "ek_gather_patches" in script(CASE, LARGE, known)


def test_a_measured_kernel_of_small_weights_may_lose() -> None:
    scores = {(LONG, "{}"): 3.0, (SHORT, PATCHES): 1.0, (SHORT, RUNS): 2.0}
    assert "ek_gather_patches" in script(CASE, SMALL, counted(only_task(CASE, SMALL), scores))

"""Kernels that only some weights allow: they are measured where they fit, and no record switches them off."""

from __future__ import annotations

import pytest

from edgekit.artifacts import LoweredModule
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.schedule import candidates, schedule
from edgekit.schedule.cpu import cpu_class
from edgekit.schedule.tasks import Task, tasks
from edgekit.schedule.template import NO_PARAMETERS, Choice, Parameters
from edgekit.search.lookup import StoreLookup
from edgekit.search.strategy import proposals
from edgekit.store import RecordSet
from edgekit.target import load_target
from edgekit.testing.convolution_cases import ConvolutionCase, Numbers, convolutions_model
from edgekit.testing.records import counted

ARM = load_target("rpi4")
CASE = ConvolutionCase(8, 8, 16, 16, (3, 3))
NEAR = ConvolutionCase(8, 8, 24, 16, (3, 3))
LARGE = Numbers()
SMALL = Numbers(lowest_weight=-60, highest_weight=60)  # any four of them may be added in int16
LONG = Choice("neon_mlal_long_rows", NO_PARAMETERS)
PATCHES, RUNS = (Choice("neon_mlal_rows", Parameters(reads=what)) for what in ("patches", "runs"))


def lowered(case: ConvolutionCase, numbers: Numbers) -> LoweredModule:
    return lower(read_tflite(convolutions_model([case], numbers), name="model"))


def only_task(case: ConvolutionCase, numbers: Numbers) -> Task:
    (task,) = tasks(lowered(case, numbers), ARM)
    return task


def script(case: ConvolutionCase, numbers: Numbers, records: RecordSet) -> str:
    tuned = schedule(lowered(case, numbers), ARM, StoreLookup([records], ARM))
    return str(tuned.module.script())


def test_the_kernel_of_small_weights_is_measured_where_they_are_small() -> None:
    small, large = only_task(CASE, SMALL), only_task(CASE, LARGE)
    assert small.workload == large.workload
    assert LONG in _proposed(small)
    assert LONG not in _proposed(large)
    assert candidates(small.job, cpu_class(ARM))[0] == LONG


def _proposed(task: Task) -> tuple[Choice, ...]:
    return proposals(candidates(task.job, cpu_class(ARM)), {})


@pytest.mark.parametrize("measured", [CASE, NEAR], ids=["this shape", "the nearest"])
def test_records_of_large_weights_do_not_switch_off_the_kernel_of_small_ones(
    measured: ConvolutionCase,
) -> None:
    known = counted(only_task(measured, LARGE), ARM, {PATCHES: 1.0, RUNS: 2.0})
    assert "ek_convolution_row_mlal_long" in script(CASE, SMALL, known)
    assert "ek_gather_patches" in script(CASE, LARGE, known)


def test_records_of_small_weights_decide_for_large_ones_among_what_these_allow() -> None:
    known = counted(only_task(CASE, SMALL), ARM, {LONG: 1.0, PATCHES: 2.0, RUNS: 3.0})
    assert "ek_convolution_row_mlal_long" in script(CASE, SMALL, known)
    assert "ek_gather_patches" in script(CASE, LARGE, known)


def test_a_measured_kernel_of_small_weights_may_lose() -> None:
    known = counted(only_task(CASE, SMALL), ARM, {LONG: 3.0, PATCHES: 1.0, RUNS: 2.0})
    assert "ek_gather_patches" in script(CASE, SMALL, known)

"""Tuning records as if something had been measured: for tests of what they decide."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.schedule.cpu import cpu_class, cpu_features
from edgekit.search.lookup import VERSIONS
from edgekit.search.machine import feature_text
from edgekit.store import Record, RecordSet, Source, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.schedule.tasks import Task
    from edgekit.schedule.template import Choice
    from edgekit.target import Target


def measured(task: Task, target: Target, choice: Choice, score: float) -> Record:
    """What a board would have measured of a candidate, in nanoseconds."""
    return Record(
        kind=task.kind,
        workload=task.workload,
        template=choice.template,
        version=VERSIONS[choice.template],
        parameters=choice.parameters.text,
        cpu_class=cpu_class(target).name,
        cpu=target.cpu,
        features=feature_text(cpu_features(target)),
        source=Source.BOARD,
        machine="a board",
        unit=Unit.NANOSECONDS,
        score=score,
        spread=0.0,
        clock_mhz=None,
        date="2026-11-22",
        edgekit="0.1",
    )


def counted(task: Task, target: Target, scores: Mapping[Choice, float]) -> RecordSet:
    """What an emulator would have counted of a task's candidates."""
    return RecordSet(
        dataclasses.replace(
            measured(task, target, choice, score),
            source=Source.EMULATOR,
            machine="an emulator",
            unit=Unit.INSTRUCTIONS,
        )
        for choice, score in scores.items()
    )

"""From the store to a schedule: which record decides for a kernel, and whose it is."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.artifacts import Origin
from edgekit.schedule import MCU_TEMPLATES, TEMPLATES, candidates
from edgekit.schedule.cpu import cpu_class, cpu_features
from edgekit.schedule.tasks import workload_text
from edgekit.schedule.template import Choice, Parameters
from edgekit.search.machine import feature_text
from edgekit.store import NO_GAIN, Gain, Wanted, best_record, nearest_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.schedule.cpu import CpuClass
    from edgekit.schedule.template import Job
    from edgekit.store import Record, Records
    from edgekit.target import Target

VERSIONS = {template.name: template.version for template in (*TEMPLATES, *MCU_TEMPLATES)}
_WORTH_MEMORY = Gain(share=0.01, number=100)


class StoreLookup:
    """Answers `schedule` from sets of records; the earlier sets come first among equals."""

    def __init__(self, sets: Sequence[Records], target: Target) -> None:
        self._sets, self._target = sets, target
        self._features = feature_text(cpu_features(target))
        self._cpu = cpu_class(target)

    def __call__(self, job: Job) -> Choice | None:
        """The choice of the record that decides, of this shape or else of the nearest one."""
        known = candidates(job, self._cpu)
        if len(known) < 2:
            return None
        wanted = Wanted(
            kind=job.kind,
            preferred=known[0].template,
            untuned=known[0].parameters.text,
            workload=workload_text(job),
            cpu_class=self._cpu.name,
            cpu=self._target.cpu,
            features=self._features,
            versions=VERSIONS,
            least_gain=least_gain(self._cpu),
        )

        def is_valid(record: Record) -> bool:
            return recorded_choice(record) in known

        found = best_record(wanted, self._sets, is_valid) or nearest_record(wanted, self._sets, is_valid)
        if found is None:
            return None
        return dataclasses.replace(
            recorded_choice(found.record), origin=Origin(found.record.source.value, found.is_exact)
        )


def least_gain(cpu: CpuClass) -> Gain:
    """What another choice than the untuned one must save to be taken, beyond the spread of both.

    On a microcontroller another kernel may add code to the flash or scratch to the arena: it must pay.
    """
    return NO_GAIN if cpu.mcu is None else _WORTH_MEMORY


def recorded_choice(record: Record) -> Choice:
    """The candidate that a record is of."""
    return Choice(record.template, Parameters.parse(record.parameters))

"""Which of the measured candidates to ship: those that decide for some weights of a shape, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.schedule import candidates
from edgekit.schedule.cpu import cpu_class
from edgekit.schedule.template import Choice, Parameters
from edgekit.search.lookup import VERSIONS
from edgekit.store import fastest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from edgekit.schedule.tasks import Task
    from edgekit.store import Record, Records
    from edgekit.target import Target

_HOPELESS = 1.5  # times the best score: no weights make up for that


def deciding(work: Iterable[Task], target: Target, measured: Records) -> Iterator[Record]:
    """The records that a build needs for each of some tasks.

    One of each template: its untuned choice, unless another of its points was faster beyond the spread of
    both. The preferred template's is always there, because without it the others decide nothing.
    """
    cpu = cpu_class(target)
    for task in work:
        choices = candidates(task.job, cpu)
        records = [
            record
            for record in measured.records(task.kind, task.workload, cpu.name)
            if record.version == VERSIONS.get(record.template) and _choice(record) in choices
        ]
        yield from _worth_shipping(choices, _of_one_machine(records))


def _of_one_machine(records: Sequence[Record]) -> list[Record]:
    """Those of the machine that was used last; scores of two are never compared."""
    last = max(records, key=lambda record: record.date, default=None)
    return [r for r in records if last is not None and (r.machine, r.cpu) == (last.machine, last.cpu)]


def _worth_shipping(choices: Sequence[Choice], records: Sequence[Record]) -> Iterator[Record]:
    untuned = {choice.template: choice.parameters.text for choice in reversed(choices)}
    best = {
        template: fastest(some, template, untuned[template])
        for template in dict.fromkeys(choice.template for choice in choices)
        if (some := [record for record in records if record.template == template])
    }
    preferred = choices[0].template
    if preferred not in best:
        return
    limit = _HOPELESS * min(record.score for record in best.values())
    yield from (record for record in best.values() if record.template == preferred or record.score <= limit)


def _choice(record: Record) -> Choice:
    return Choice(record.template, Parameters.parse(record.parameters))

"""Which record decides: measured on a board before counted, on the same CPU before its class, then the best.

Scores are compared within one machine only. The newest version of a template is the only one that counts:
older records say nothing of its present code.

What a build would choose without records stays, unless another candidate's gain exceeds the spread of both:
its score and spread together must lie under the untuned choice's score less that one's spread. Noise alone
makes the lowest of many equal scores look like a gain. Counted instructions have no spread, so that any gain
counts there, but where the caller asks for more (`least_gain`).
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Protocol

from edgekit.store.record import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from edgekit.store.record import Record

_FARTHEST = 2.0  # doublings of extents, all told; past them, the shape's own cost model knows better
_NEAREST_TRIED = 8


class Records(Protocol):
    """What can be asked for records: the user's store, or a set in memory."""

    def records(self, kind: str, workload: str, cpu_class: str) -> tuple[Record, ...]:
        """All records of a workload."""
        ...

    def workloads(self, kind: str, cpu_class: str) -> tuple[str, ...]:
        """All workloads of a kind that have records."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gain:
    """How much less than the untuned choice's score another must be: by a share of it, and by a number."""

    share: float = 0.0
    number: float = 0.0


NO_GAIN = Gain()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a record is wanted for. `versions` are the templates there are now.

    `preferred` is the template, `untuned` the parameters, of the choice that a build makes without records.
    Scores that say nothing of the preferred template decide nothing: when its version has risen, what is left
    are those of templates that it was preferred to.
    """

    kind: str
    preferred: str
    untuned: str
    workload: str
    cpu_class: str
    cpu: str
    features: str
    versions: Mapping[str, int]
    least_gain: Gain = NO_GAIN  # see `fastest`


@dataclasses.dataclass(frozen=True)
class Found:
    """A record that decides, and whether it is of the very workload."""

    record: Record
    is_exact: bool


def best_record(wanted: Wanted, sets: Sequence[Records], is_valid: Callable[[Record], bool]) -> Found | None:
    """The record of the wanted workload that decides; of `sets`, the earlier win among equals.

    `is_valid` says whether a record's template and parameters may be used for the job.
    """
    found = _decide(wanted, wanted.workload, sets, is_valid)
    return None if found is None else Found(found, is_exact=True)


def nearest_record(
    wanted: Wanted, sets: Sequence[Records], is_valid: Callable[[Record], bool]
) -> Found | None:
    """The deciding record of the nearest tuned workload: same filter, strides and form, other extents."""
    known = {name for records in sets for name in records.workloads(wanted.kind, wanted.cpu_class)}
    far = [(distance(wanted.workload, name), name) for name in known]
    near = sorted(pair for pair in far if pair[0] <= _FARTHEST)[:_NEAREST_TRIED]
    for _, workload in near:
        found = _decide(wanted, workload, sets, is_valid)
        if found is not None:
            return Found(found, is_exact=False)
    return None


def fastest(records: Sequence[Record], template: str, parameters: str, least_gain: Gain = NO_GAIN) -> Record:
    """Of records of one machine, the untuned choice's unless others are faster beyond the spread of both.

    Args:
        records: at least one.
        template, parameters: of the untuned choice; if it was not measured, the lowest score is taken.
        least_gain: what the spreads must leave over; anything, by default.
    """
    untuned = next((r for r in records if (r.template, r.parameters) == (template, parameters)), None)
    if untuned is not None:
        certain = untuned.score * (1 - untuned.spread)
        highest = min(certain * (1 - least_gain.share), certain - least_gain.number)
        records = [r for r in records if r.score * (1 + r.spread) < highest] or [untuned]
    return min(records, key=lambda record: (record.score, record.template, record.parameters))


def distance(one: str, other: str) -> float:
    """Doublings between the extents of two workloads; infinite if they differ in anything else."""
    mine, theirs = _parse(one), _parse(other)
    if mine is None or theirs is None or mine["fixed"] != theirs["fixed"]:
        return math.inf
    extents, others = mine["extents"], theirs["extents"]
    if extents.keys() != others.keys():
        return math.inf
    return sum(abs(math.log2(extents[name] / others[name])) for name in extents)


@functools.cache
def _parse(workload: str) -> dict[str, Any] | None:
    """A workload's extents and the rest; None for one that is only a name."""
    if not workload.startswith("{"):
        return None
    parsed: dict[str, Any] = json.loads(workload)
    return parsed


def _decide(
    wanted: Wanted, workload: str, sets: Sequence[Records], is_valid: Callable[[Record], bool]
) -> Record | None:
    measured: dict[tuple[Any, ...], list[Record]] = defaultdict(list)
    for position, records in enumerate(sets):
        for record in records.records(wanted.kind, workload, wanted.cpu_class):
            if record.version == wanted.versions.get(record.template) and is_valid(record):
                measured[_rank(record, wanted), position, record.machine, record.unit].append(record)
    groups = {
        key: group for key, group in measured.items() if any(r.template == wanted.preferred for r in group)
    }
    if not groups:
        return None
    first = min((rank, position) for rank, position, *_ in groups)
    # Of equal machines, the one that was used last.
    chosen = max((g for key, g in groups.items() if key[:2] == first), key=lambda g: max(r.date for r in g))
    return fastest(chosen, wanted.preferred, wanted.untuned, wanted.least_gain)


def _rank(record: Record, wanted: Wanted) -> tuple[bool, bool, bool]:
    return (
        record.source is Source.EMULATOR,
        record.features != wanted.features,
        record.cpu != wanted.cpu,
    )

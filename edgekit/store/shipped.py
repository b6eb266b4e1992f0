"""Records in memory: those that EdgeKit ships, and any other read-only set."""

from __future__ import annotations

import functools
from collections import defaultdict
from typing import TYPE_CHECKING

from edgekit.paths import data_directory
from edgekit.store.text import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgekit.store.record import Record

SHIPPED_NAME = "shipped.jsonl"


class RecordSet:
    """Records that are asked for by operator and class of CPUs."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._by_key: dict[tuple[str, str], dict[str, list[Record]]] = defaultdict(dict)
        for record in records:
            workloads = self._by_key[record.kind, record.cpu_class]
            workloads.setdefault(record.workload, []).append(record)

    def records(self, kind: str, workload: str, cpu_class: str) -> tuple[Record, ...]:
        """All records of a workload."""
        return tuple(self._by_key.get((kind, cpu_class), {}).get(workload, ()))

    def workloads(self, kind: str, cpu_class: str) -> tuple[str, ...]:
        """All workloads of a kind that have records."""
        return tuple(self._by_key.get((kind, cpu_class), ()))


@functools.cache
def shipped_records() -> RecordSet:
    """The records that come with EdgeKit. None in a checkout that has no such file.

    Raises:
        RecordsUnreadableError: the file was damaged.
    """
    path = data_directory("tuning") / SHIPPED_NAME
    return RecordSet(read_text(path) if path.is_file() else ())

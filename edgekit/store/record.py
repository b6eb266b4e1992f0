"""One measured candidate: what was measured, on what, and what came out."""

from __future__ import annotations

import dataclasses
import json
import math
from enum import StrEnum
from typing import Any


class Source(StrEnum):
    """Where a record comes from."""

    BOARD = "board"  # a device over SSH
    MACHINE = "machine"  # the machine that EdgeKit ran on
    EMULATOR = "emulator"


class Unit(StrEnum):
    """What a score counts. Less is better; scores of two units are never compared."""

    NANOSECONDS = "ns"
    INSTRUCTIONS = "instructions"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """A candidate's score. What tells two records apart comes first, then what was found, then provenance.

    `workload` is the text that `schedule.tasks.workload_text` makes of a kernel's shape, `parameters` that of
    `schedule.template.Parameters`.
    """

    kind: str  # "convolution"
    workload: str
    template: str
    version: int  # of the template
    parameters: str
    cpu_class: str  # "aarch64-neon"
    cpu: str  # that the code was made for, by LLVM's name: "cortex-a72"
    features: str  # of the machine, as probed: "dotprod,neon"
    source: Source
    machine: str  # "Raspberry Pi 4 Model B Rev 1.4", or the emulator with its version
    unit: Unit
    score: float
    spread: float  # half of the middle half of all samples, as a share of the score; 0 for what is exact
    clock_mhz: float | None
    date: str  # of the measurement: "2026-11-22"
    edgekit: str  # its version


FIELDS = tuple(field.name for field in dataclasses.fields(Record))
KEY_FIELDS = FIELDS[: FIELDS.index("score")]


def record_line(record: Record) -> str:
    """A record as one line of JSON; the same record gives the same line."""
    return json.dumps(dataclasses.asdict(record), separators=(",", ":"), ensure_ascii=False)


def make_record(values: dict[str, Any]) -> Record:
    """A record from the values of its fields.

    Raises:
        ValueError: a field is missing, unknown, of the wrong type, or text that means nothing; says which.
    """
    if set(values) != set(FIELDS):
        odd = sorted(set(values) ^ set(FIELDS))
        raise ValueError(f"it lacks, or has beside a record's fields, {', '.join(odd)}")
    for name, allowed in _TYPES.items():
        if not isinstance(values[name], allowed) or isinstance(values[name], bool):
            raise ValueError(f"{name!r} is {values[name]!r}")
    numbers = [values[name] for name in ("score", "spread")]
    if not all(math.isfinite(number) and number >= 0 for number in numbers):
        raise ValueError(f"score and spread are {numbers}")
    if not _is_parameters(values["parameters"]):
        raise ValueError(f"its parameters are {values['parameters']!r}")
    if not _is_workload(values["workload"]):
        raise ValueError(f"its workload is {values['workload']!r}")
    known = {"source": Source(values["source"]), "unit": Unit(values["unit"])}
    return Record(**{**values, **known})


def _is_parameters(text: str) -> bool:
    """Whether a text is one of `schedule.template.Parameters`: numbers and words by name."""
    parsed = _json(text)
    return isinstance(parsed, dict) and all(isinstance(value, int | str) for value in parsed.values())


def _is_workload(text: str) -> bool:
    """Whether a text names a workload, or tells its extents and the rest."""
    if not text.startswith("{"):
        return True
    parsed = _json(text)
    if not isinstance(parsed, dict) or parsed.keys() != {"extents", "fixed"}:
        return False
    extents = parsed["extents"]
    return isinstance(extents, dict) and all(isinstance(n, int) and n > 0 for n in extents.values())


def _json(text: str) -> Any:
    """What a text is the JSON of; None if it is not."""
    try:
        return json.loads(text)
    except ValueError:
        return None


_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(FIELDS, (str,)),
    "version": (int,),
    "score": (int, float),
    "spread": (int, float),
    "clock_mhz": (int, float, type(None)),
}

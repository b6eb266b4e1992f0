"""Records as text: one line of JSON each, sorted, so that two files can be compared and merged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from edgekit.errors import RecordsUnreadableError
from edgekit.store.record import Record, make_record, record_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def write_text(records: Iterable[Record], path: Path) -> int:
    """Write records to a file, whole or not at all; returns how many.

    Raises:
        RecordsUnreadableError: the file cannot be written.
    """
    lines = sorted({record_line(record) for record in records})
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise RecordsUnreadableError(
            f"{path} cannot be written.",
            why=f"This machine says: {error.strerror or error}.",
            fix="Check the path and its permissions.",
        ) from error
    return len(lines)


def read_text(path: Path) -> tuple[Record, ...]:
    """Read what `write_text` wrote.

    Raises:
        RecordsUnreadableError: the file cannot be read, or a line of it is no record; says which.
    """
    try:
        # Not splitlines: JSON leaves some of the characters that it takes for line ends as they are.
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, f"It cannot be read: {error}.") from error
    found = []
    for number, line in enumerate(lines if lines != [""] else (), 1):
        try:
            values = json.loads(line)
            found.append(make_record(dict(values)))
        except (ValueError, TypeError) as error:
            raise _unreadable(path, f"Line {number} is no record: {error}.") from error
    return tuple(found)


def _unreadable(path: Path, why: str) -> RecordsUnreadableError:
    return RecordsUnreadableError(
        f"{path} is no file of tuning records.",
        why=why,
        fix="Name a file that `edgekit tune --export FILE` wrote; nothing was imported.",
    )

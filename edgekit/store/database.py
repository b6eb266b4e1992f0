"""The user's records: one SQLite file that several processes may use at once.

What is there is never deleted here, and never replaced but by a newer measurement of the same candidate on
the same machine. A file that cannot be read is reported and left as it is.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from edgekit.errors import StoreUnreadableError, StoreUnwritableError, StoreVersionError
from edgekit.store.record import FIELDS, KEY_FIELDS, Record, make_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x45644B74  # "EdKt": tells our file from another program's
_BUSY_SECONDS = 60.0
_TYPES = {"version": "INTEGER", "score": "REAL", "spread": "REAL", "clock_mhz": "REAL"}
_COLUMNS = ", ".join(
    f"{name} {_TYPES.get(name, 'TEXT')}{'' if name == 'clock_mhz' else ' NOT NULL'}" for name in FIELDS
)
_CREATE = f"CREATE TABLE records ({_COLUMNS}, PRIMARY KEY ({', '.join(KEY_FIELDS)})) STRICT, WITHOUT ROWID"
_INSERT = f"INSERT OR REPLACE INTO records VALUES ({', '.join('?' * len(FIELDS))})"
_SELECT = f"SELECT {', '.join(FIELDS)} FROM records"


def store_path() -> Path:
    """Where the user's records lie: $EDGEKIT_TUNING_STORE, else in $XDG_DATA_HOME or ~/.local/share.

    Not in the cache: they cost hours, and can not be made again by a build.
    """
    chosen = os.environ.get("EDGEKIT_TUNING_STORE")
    if chosen:
        return Path(chosen).absolute()
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "edgekit" / "tuning.sqlite"


class Store:
    """An open store; close it, or use it in `with`. Other processes may read and write meanwhile."""

    def __init__(self, path: Path) -> None:
        """Open the file, and make it if there is none.

        Raises:
            StoreUnwritableError: it cannot be made.
            StoreUnreadableError: it is damaged, or no store.
            StoreVersionError: another EdgeKit's store.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(path, str(error)) from error
        with _translated(path):
            self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            with _translated(path):
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Closing twice does no harm."""
        self._connection.close()

    def add(self, records: Iterable[Record]) -> None:
        """Keep records: all of them, on the disk when this returns, or none.

        Raises:
            StoreUnwritableError: no room, no right to write, or another process holds the file for too long.
            StoreUnreadableError: the file is damaged.
        """
        rows = [tuple(getattr(record, name) for name in FIELDS) for record in records]
        with _translated(self.path), _transaction(self._connection):
            self._connection.executemany(_INSERT, rows)

    def records(self, kind: str, workload: str, cpu_class: str) -> tuple[Record, ...]:
        """All records of a workload."""
        where = " WHERE kind = ? AND workload = ? AND cpu_class = ?"
        return self._query(_SELECT + where, (kind, workload, cpu_class))

    def workloads(self, kind: str, cpu_class: str) -> tuple[str, ...]:
        """All workloads of a kind that have records."""
        with _translated(self.path):
            rows = self._connection.execute(
                "SELECT DISTINCT workload FROM records WHERE kind = ? AND cpu_class = ?", (kind, cpu_class)
            ).fetchall()
        return tuple(row[0] for row in rows)

    def all_records(self) -> tuple[Record, ...]:
        """Everything."""
        return self._query(_SELECT, ())

    def _query(self, statement: str, values: tuple[str, ...]) -> tuple[Record, ...]:
        with _translated(self.path):
            rows = self._connection.execute(statement, values).fetchall()
        try:
            return tuple(make_record(dict(zip(FIELDS, row, strict=True))) for row in rows)
        except ValueError as error:
            raise _unreadable(self.path, f"A record in it cannot be read: {error}.") from error

    def _prepare(self) -> None:
        execute = self._connection.execute
        if self._is_empty():
            with _transaction(self._connection):
                if self._is_empty():  # no other process was faster
                    execute(_CREATE)
                    execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                    execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            execute("PRAGMA journal_mode = WAL")
        if self._pragma("application_id") != _APPLICATION_ID:
            raise _unreadable(self.path, "It is a database of another program.")
        version = self._pragma("user_version")
        if version != SCHEMA_VERSION:
            raise StoreVersionError(
                f"The tuning store {self.path} is of another version of EdgeKit.",
                why=f"Its schema is {version}; this EdgeKit has {SCHEMA_VERSION}. Nothing was changed.",
                fix="With the EdgeKit that made it, `edgekit tune --export FILE`; move the store away, and "
                "`edgekit tune --import FILE` with this one.",
            )
        found = execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise _unreadable(self.path, f"SQLite says: {found}.")

    def _is_empty(self) -> bool:
        return int(self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]) == 0

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; waits for other writers before it begins, not in its middle."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise _unwritable(path, str(error)) from error
    except sqlite3.DatabaseError as error:
        raise _unreadable(path, f"SQLite says: {error}.") from error


def _unreadable(path: Path, why: str) -> StoreUnreadableError:
    return StoreUnreadableError(
        f"The tuning store {path} cannot be read.",
        why=f"{why} It was left as it is.",
        fix=f"Bring back a copy of it, or move it away (mv {path} {path}.damaged) to begin anew; "
        "`sqlite3 FILE .recover` may save what is in it.",
    )


def _unwritable(path: Path, why: str) -> StoreUnwritableError:
    return StoreUnwritableError(
        f"The tuning store {path} cannot be opened or written.",
        why=f"This machine says: {why}.",
        fix="Check that its folder exists, may be written to and has room, or name another file in "
        "EDGEKIT_TUNING_STORE.",
    )

"""Bounds-checked access to a flatbuffer that nobody vouches for.

Python's flatbuffers package has no verifier: its accessors follow any offset. `CheckedTable` takes the
place of the table inside the classes that the `tflite` package generated, and checks every offset, length and
string before it is used. What is read through it was inside the file, and the work done is
bounded by the file's size even when a hostile file lets many parts share the same bytes.
"""

# ruff: noqa: N802, N803 - the names are those of the class that is replaced

from __future__ import annotations

import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from flatbuffers import number_types
from flatbuffers.table import Table

from edgekit.errors import UnreadableModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

_UOFFSET_BYTES = 4
_VTABLE_HEADER_BYTES = 4
_MAX_VARIED_TABLES = 4096  # tables that a file of any size may have


class CorruptDataError(Exception):
    """A part of the flatbuffer is malformed. `reading` turns it into an `UnreadableModelError`."""


class Budget:
    """How much may still be read: every byte may be visited a few times, never without end."""

    __slots__ = ("bytes_left", "tables_left")

    def __init__(self, size: int) -> None:
        self.tables_left = _MAX_VARIED_TABLES + size // 4
        self.bytes_left = 65536 + 8 * size

    def spend_table(self) -> None:
        """Count one table. Raises CorruptDataError when there are more than the file can hold."""
        self.tables_left -= 1
        if self.tables_left < 0:
            raise CorruptDataError("it lists more tables than its size can hold")

    def spend_bytes(self, count: int) -> None:
        """Count bytes of a vector or string. Raises CorruptDataError when they exceed the file by far."""
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise CorruptDataError("its vectors and strings overlap: together they are larger than the file")


class CheckedTable(Table):  # type: ignore[misc]  # flatbuffers has no types
    """flatbuffers' table, with every access checked against the end of the file."""

    __slots__ = ("_vtable", "_vtable_bytes", "budget")

    def __init__(self, buf: bytes, pos: int, budget: Budget) -> None:
        super().__init__(buf, pos)
        self.budget = budget
        budget.spend_table()
        self._vtable, self._vtable_bytes = self._read_vtable()

    def _read_vtable(self) -> tuple[int, int]:
        vtable = self.Pos - self.Get(number_types.SOffsetTFlags, self.Pos)
        length = self.Get(number_types.VOffsetTFlags, vtable)
        if length < _VTABLE_HEADER_BYTES or length % 2:
            raise CorruptDataError(f"the vtable at byte {vtable} has the impossible length {length}")
        self._inside(vtable, length)
        return vtable, length

    def _inside(self, start: int, count: int) -> None:
        if start < 0 or count < 0 or start + count > len(self.Bytes):
            raise CorruptDataError(
                f"bytes {start} to {start + count} are asked for, and the file has {len(self.Bytes)}"
            )

    def Get(self, flags: Any, off: int) -> Any:
        """Read one scalar at `off`, a byte offset in the file."""
        self._inside(off, flags.bytewidth)
        return super().Get(flags, off)

    def Offset(self, vtableOffset: int) -> int:
        """Where a field lies relative to the table; 0 if it is absent."""
        if vtableOffset >= self._vtable_bytes:
            return 0
        return int(self.Get(number_types.VOffsetTFlags, self._vtable + vtableOffset))

    def Indirect(self, off: int) -> int:
        """Follow the offset stored at `off`."""
        return off + int(self.Get(number_types.UOffsetTFlags, off))

    def String(self, off: int) -> bytes:
        """The bytes of the string whose offset is stored at `off`."""
        start = self.Indirect(off)
        length = self.Get(number_types.UOffsetTFlags, start)
        self._inside(start + _UOFFSET_BYTES, length + 1)
        self.budget.spend_bytes(length)
        end = start + _UOFFSET_BYTES + length
        if self.Bytes[end] != 0:
            raise CorruptDataError(f"the string at byte {start} does not end in a zero byte")
        return bytes(self.Bytes[start + _UOFFSET_BYTES : end])

    def VectorLen(self, off: int) -> int:
        """Elements of the vector whose offset is stored at `off` in this table."""
        start = self.Indirect(off + self.Pos)
        length = int(self.Get(number_types.UOffsetTFlags, start))
        self._inside(start + _UOFFSET_BYTES, length)  # an element has one byte or more
        return length

    def Vector(self, off: int) -> int:
        """Where the elements of the vector start whose offset is stored at `off` in this table."""
        return self.Indirect(off + self.Pos) + _UOFFSET_BYTES

    def Union(self, t2: Table, off: int) -> None:
        """Point `t2` at the union member whose offset is stored at `off` in this table."""
        t2.Pos = self.Indirect(off + self.Pos)
        t2.Bytes = self.Bytes

    def GetVectorAsNumpy(self, flags: Any, off: int) -> NDArray[Any]:
        """A read-only view of a vector of scalars."""
        start, length = self.Vector(off), self.VectorLen(off)
        self._inside(start, length * flags.bytewidth)
        dtype = number_types.to_numpy_type(flags)
        return np.frombuffer(self.Bytes, dtype=dtype, count=length, offset=start)


def check(generated: Any, budget: Budget) -> Any:
    """Put a `CheckedTable` inside an object of a generated class, and return the object."""
    generated._tab = CheckedTable(generated._tab.Bytes, generated._tab.Pos, budget)
    return generated


def tables(count: int, item: Callable[[int], Any], budget: Budget) -> Iterator[Any]:
    """The checked elements of a vector of tables, given its length and its generated accessor."""
    for position in range(count):
        yield check(item(position), budget)


def integers(vector: Any, budget: Budget) -> tuple[int, ...]:
    """A vector of integers (the answer of an `...AsNumpy` accessor, 0 if absent) as a tuple."""
    if isinstance(vector, int):
        return ()
    budget.spend_bytes(vector.nbytes)
    return tuple(vector.tolist())


def text(string: bytes | None) -> str:
    """A string of the file, for messages and for matching names: bytes that are no UTF-8 are escaped."""
    return (string or b"").decode("utf-8", errors="backslashreplace")


@contextmanager
def reading(part: str) -> Iterator[None]:
    """The one door: a malformed `part` becomes an `UnreadableModelError` that names it.

    Checked access raises CorruptDataError. The other exceptions are what flatbuffers and struct
    raise, kept as the last resort.
    """
    try:
        yield
    except (CorruptDataError, struct.error, IndexError, ValueError, TypeError, OverflowError) as error:
        raise unreadable(part, str(error)) from error


def unreadable(part: str, why: str) -> UnreadableModelError:
    """The error for a malformed `part` of the file."""
    return UnreadableModelError(
        f"{part} is malformed",
        why=why,
        fix="The file was damaged or cut short on its way, or its writer is at fault: "
        "compare its size and digest with the original, or export the model again.",
    )

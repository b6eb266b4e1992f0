"""What a model says about itself on a microcontroller: what runtime/firmware/description.c writes, read."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeVar

from edgekit.devices.runner import ModelDescription, StepDescription, TensorDescription

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
# The edgekit_type of runtime/edgekit.h.
_TYPES = {1: "int8", 2: "uint8", 3: "int16", 4: "int32", 5: "int64", 6: "float32", 7: "bool"}


def parse_description(content: bytes) -> ModelDescription:
    """Read a whole description, in the order in which it was written."""
    reader = _Reader(content)
    word, words = reader.word, reader.words
    return ModelDescription(
        abi_version=word(),
        name=words(),
        digest=words(),
        target=words(),
        arena_bytes=word(),
        arena_alignment=word(),
        state_bytes=word(),
        inputs=reader.several(reader.tensor),
        outputs=reader.several(reader.tensor),
        operators=reader.several(reader.step),
    )


class _Reader:
    """Values from a stream of little-endian words."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def _take(self, form: str) -> tuple[int | float, ...]:
        values = struct.unpack_from(f"<{form}", self._content, self._at)
        self._at += struct.calcsize(f"<{form}")
        return values

    def word(self) -> int:
        return int(self._take("I")[0])

    def words(self) -> str:
        length = self.word()
        self._at += length
        return self._content[self._at - length : self._at].decode()

    def several(self, read: Callable[[], T]) -> tuple[T, ...]:
        return tuple(read() for _ in range(self.word()))

    def tensor(self) -> TensorDescription:
        name, dtype = self.words(), _TYPES[self.word()]
        shape = tuple(int(size) for size in self._take(f"{self.word()}i"))
        return TensorDescription(
            name=name,
            dtype=dtype,
            shape=shape,
            bytes=self.word(),
            arena_offset=self.word(),
            scale=float(self._take("f")[0]),
            zero_point=int(self._take("i")[0]),
        )

    def step(self) -> StepDescription:
        return StepDescription(
            name=self.words(),
            kernel=self.words(),
            index=self.word(),
            macs=int(self._take("Q")[0]),
            outputs=self.several(self.tensor),
        )

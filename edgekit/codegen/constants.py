"""All constants of a model in one read-only block: weights, biases, tables, first values of the state."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_ALIGNMENT = 16
_LONG_ALIGNMENT = 64  # of those of many vectors: none of them lies in two lines of a cache
_LONG_BYTES = 1024


@dataclasses.dataclass(frozen=True)
class ConstantBlock:
    """The bytes, and where each constant starts in them."""

    content: bytes
    offsets: Mapping[str, int]


def lay_out(constants: Mapping[str, NDArray[Any]]) -> ConstantBlock:
    """Put constants one after the other, in their given order; equal ones share their bytes."""
    block = bytearray()
    offsets: dict[str, int] = {}
    seen: dict[bytes, int] = {}
    for name, array in constants.items():
        raw = np.ascontiguousarray(array).tobytes()
        if raw not in seen:
            alignment = _ALIGNMENT if len(raw) < _LONG_BYTES else _LONG_ALIGNMENT
            block.extend(bytes(-len(block) % alignment))
            seen[raw] = len(block)
            block.extend(raw)
        offsets[name] = seen[raw]
    return ConstantBlock(bytes(block), offsets)

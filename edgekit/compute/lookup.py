"""Functions of one 8-bit value as tables: computed exactly on the host, read on the device."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te, tirx

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENTRIES = 256
_LOWEST = {"int8": -128, "uint8": 0}


@dataclasses.dataclass(frozen=True)
class Lookup:
    """The workload of a table read for every element."""

    input: str  # type
    output: str


def inputs_of(dtype: str) -> NDArray[np.int64]:
    """All values of an 8-bit type in a table's order, widened."""
    return np.arange(ENTRIES, dtype=np.int64) + _LOWEST[dtype]


def lookup(x: te.Tensor, table: te.Tensor) -> te.Tensor:
    """table[x] element by element: `x` int8 or uint8 of any shape, `table` of 256 entries."""
    lowest = _LOWEST[str(x.dtype)]

    def entry(*i: Any) -> Any:
        wide = x[i].astype("int32")
        return table[wide - tirx.const(lowest, "int32") if lowest else wide]

    return te.compute(x.shape, entry, name="out")


def flip_top_bit(x: te.Tensor) -> te.Tensor:
    """int8 as uint8 or back, 128 added or subtracted: a table that costs no memory and vectorizes."""
    dtype, other = str(x.dtype), "uint8" if str(x.dtype) == "int8" else "int8"
    top = tirx.const(_LOWEST["int8"] if dtype == "int8" else 128, dtype)
    return te.compute(x.shape, lambda *i: (x[i] ^ top).astype(other), name="out")

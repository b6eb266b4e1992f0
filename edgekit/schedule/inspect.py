"""Questions that templates ask of a kernel's blocks."""

from __future__ import annotations

from typing import Any

import tvm_ffi
from tvm import tirx

_REDUCE = 2  # tirx.IterVar.CommReduce


def is_reduction(schedule: Any, block: Any) -> bool:
    """Whether a block has a reduce axis."""
    return any(int(var.iter_type) == _REDUCE for var in schedule.get(block).iter_vars)


def loads(block: Any) -> list[Any]:
    """Every read of a buffer in a block's body."""
    found: list[Any] = []

    def visit(node: Any) -> None:
        if isinstance(node, tirx.BufferLoad):
            found.append(node)

    tvm_ffi.structural_walk(block.body, visit)
    return found


def has_computed_index(block: Any) -> bool:
    """Whether an element is looked up by a loaded value, as in a table."""
    return any(
        isinstance(inner, tirx.BufferLoad) for load in loads(block) for index in load.indices for inner in nodes(index)
    )


def nodes(expression: Any) -> list[Any]:
    """All nodes of an expression."""
    found: list[Any] = []
    tvm_ffi.structural_walk(expression, found.append)
    return found


def same_index_everywhere(block: Any) -> bool:
    """Whether every operand is read exactly where the result is written."""
    store = block.body
    target = [str(index) for index in store.indices]
    return all([str(index) for index in load.indices] == target for load in loads(block))


def innermost_is_contiguous(block: Any) -> bool:
    """Whether the last spatial axis indexes the last dimension of every operand that it indexes at all."""
    spatial = [var.var for var in block.iter_vars if int(var.iter_type) != _REDUCE]
    last = spatial[-1]
    for load in loads(block):
        *outer, inner = load.indices
        if any(last.same_as(node) for index in outer for node in nodes(index)):
            return False
        if not inner.same_as(last):
            return False
    return True

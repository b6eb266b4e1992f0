"""Questions that templates ask of a kernel's blocks."""

from __future__ import annotations

from typing import Any

import tvm_ffi
from tvm.ir.expr import TensorLoad

_REDUCE = 2  # tirx.IterVar.CommReduce


def is_reduction(block: Any) -> bool:
    """Whether a block has a reduce axis."""
    return any(int(axis.iter_type) == _REDUCE for axis in block.iter_vars)


def spatial_axes(block: Any) -> list[Any]:
    """The variables of a block's axes that are not reduced, outermost first."""
    return [axis.var for axis in block.iter_vars if int(axis.iter_type) != _REDUCE]


def loads(block: Any) -> list[Any]:
    """Every read of a buffer in a block's body."""
    return [node for node in nodes(block.body) if isinstance(node, TensorLoad)]


def nodes(tree: Any) -> list[Any]:
    """All nodes of an expression or statement."""
    found: list[Any] = []
    tvm_ffi.structural_walk(tree, found.append)
    return found


def has_computed_index(block: Any) -> bool:
    """Whether an element is looked up by a loaded value, as in a table."""
    return any(
        isinstance(inner, TensorLoad)
        for load in loads(block)
        for index in load.indices
        for inner in nodes(index)
    )


def same_index_everywhere(block: Any) -> bool:
    """Whether every operand is read exactly where the result is written."""
    target = [str(index) for index in block.body.indices]
    return all([str(index) for index in load.indices] == target for load in loads(block))


def innermost_is_a_vector(block: Any) -> bool:
    """Whether every operand is read in order along its last dimension, or not by the last axis at all."""
    axes = spatial_axes(block)
    if not axes:
        return False
    for load in loads(block):
        *outer, inner = load.indices
        if any(axes[-1].same_as(node) for index in outer for node in nodes(index)):
            return False
        if not inner.same_as(axes[-1]) and any(axes[-1].same_as(node) for node in nodes(inner)):
            return False
    return True

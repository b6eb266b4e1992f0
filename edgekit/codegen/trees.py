"""Questions about TIR that more than one part of code generation asks."""

from __future__ import annotations

from typing import Any

import tvm_ffi
from tvm import tirx


def mentions(tree: Any, variable: Any) -> bool:
    """Whether a statement or an expression has to do with a variable or a buffer."""
    found: list[Any] = []

    def look(node: Any) -> None:
        if node.same_as(variable):
            found.append(node)

    tvm_ffi.structural_walk(tree, (tirx.Var, look))
    return bool(found)

"""Kernels that are the same but for their names are compiled once: networks repeat their blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tvm
import tvm_ffi

if TYPE_CHECKING:
    from collections.abc import Mapping


def merge_twins(module: Any) -> tuple[Any, Mapping[str, str]]:
    """One kernel of each kind, and for every kernel of `module` the name of the one that is compiled for it.

    Kernels get their constants through pointers, so that layers of one shape have the same code.
    """
    compiled: dict[Any, str] = {}
    functions: dict[str, str] = {}
    kept = {}
    for variable, function in module.functions.items():
        name = variable.name_hint
        functions[name] = compiled.setdefault(
            tvm_ffi.StructuralKey(function.without_attr("global_symbol")), name
        )
        if functions[name] == name:
            kept[variable] = function
    return tvm.IRModule(kept), functions

"""Scheduled kernels as loops over flat arrays, the form that the C printer reads."""

from __future__ import annotations

from typing import Any

import tvm
from tvm import s_tir, tirx
from tvm.target import Target as TvmTarget

from edgekit.codegen.pointers import BLOCKS_TO_LOOPS

_SCHEDULED_TO_LOOPS = (
    *BLOCKS_TO_LOOPS,
    s_tir.transform.RenormalizeSplitPattern(),
    tirx.transform.StmtSimplify(),
    tirx.transform.RemoveNoOp(),
    tirx.transform.CommonSubexprElim(),
    tirx.transform.LowerIntrin(),
)


def flatten(module: Any) -> Any:
    """The same kernels as loops, loads, stores and arithmetic that C has."""
    c = TvmTarget({"kind": "c"})
    bound = tirx.transform.BindTarget(c.with_host(c))(module)
    with tvm.transform.PassContext(opt_level=3):
        return tvm.transform.Sequential(_SCHEDULED_TO_LOOPS)(bound)

"""The padded copy of an input plane: rows copied by vectors, and shared by threads."""

from __future__ import annotations

from typing import Any

from tvm import s_tir

from edgekit.schedule.inspect import nodes
from edgekit.schedule.sharing import share_stage
from edgekit.schedule.tiles import vector_split

_COPY_BYTES = 64  # per vector; LLVM splits it into what the CPU has


def vectorize_padding(schedule: Any) -> None:
    """Vectorize the stage named "padded" along its channels, if the kernel has one."""
    blocks = schedule.get_child_blocks(schedule.get_sblock("root"))
    if all(schedule.get(block).name_hint != "padded" for block in blocks):
        return
    padded = schedule.get_sblock("padded")
    channel = schedule.get_loops(padded)[-1]
    size = vector_split(int(schedule.get(channel).extent), _COPY_BYTES)
    if size > 1:
        _, lane = schedule.split(channel, [None, size])
        schedule.vectorize(lane)
    share_stage(schedule, padded)


def vectorize_function_padding(function: Any) -> Any:
    """A kernel whose padding, if it has one, is vectorized, and nothing else."""
    if all(getattr(node, "name_hint", "") != "padded" for node in nodes(function.body)):
        return function
    schedule = s_tir.Schedule(function)
    vectorize_padding(schedule)
    return schedule.mod["main"]

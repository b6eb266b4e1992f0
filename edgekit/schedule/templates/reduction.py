"""Pooling and sums over outer axes: one vector of the innermost axis at a time, reduced in registers.

A kernel must have one reducing stage; what comes after it is computed where it is stored. Reductions
along the innermost axis itself, or of another shape, stay as written: LLVM vectorizes their loops.
"""

from __future__ import annotations

from typing import Any

from tvm import s_tir

from edgekit.schedule.inspect import has_computed_index, innermost_is_contiguous, is_reduction
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.templates.padding import vectorize_padding
from edgekit.schedule.tiles import vector_split

_LANES = 16


def schedule_reduction(function: Any) -> Scheduled:
    """Vectorize a kernel that reduces over outer axes."""
    schedule = s_tir.Schedule(function)
    *stages, out = schedule.get_child_blocks(schedule.get_sblock("root"))
    reducing = [stage for stage in stages if is_reduction(schedule, stage)]
    if len(reducing) != 1 or is_reduction(schedule, out) or not _fits(schedule, reducing[0], out):
        return Scheduled(function)
    after = False
    for stage in stages:
        if schedule.get(stage).name_hint == schedule.get(reducing[0]).name_hint:
            after = True
        elif after:
            schedule.compute_inline(stage)
    lanes = vector_split(int(schedule.get(schedule.get_loops(out)[-1]).extent), _LANES)
    block, lane = schedule.split(schedule.get_loops(out)[-1], [None, lanes])
    schedule.compute_at(reducing[0], block, preserve_unit_loops=True)
    _vectorize_reduction(schedule, reducing[0], outer=len(schedule.get_loops(block_of(schedule, out))) - 1)
    schedule.vectorize(lane)
    vectorize_padding(schedule)
    return Scheduled(schedule.mod["main"])


def block_of(schedule: Any, block: Any) -> Any:
    """The block under its present handle."""
    return schedule.get_sblock(schedule.get(block).name_hint)


def _fits(schedule: Any, reducing: Any, out: Any) -> bool:
    """Whether the reduction's last spatial axis is the output's, whole vectors long and read in order."""
    loops = schedule.get_loops(out)
    if not loops or vector_split(int(schedule.get(loops[-1]).extent), _LANES) < 4:
        return False
    same_rank = len(schedule.get(reducing).writes[0].buffer.shape) == len(
        schedule.get(out).writes[0].buffer.shape
    )
    blocks = (schedule.get(reducing), schedule.get(out))
    contiguous = innermost_is_contiguous(blocks[0])
    return same_rank and contiguous and not any(has_computed_index(block) for block in blocks)


def _vectorize_reduction(schedule: Any, reducing: Any, *, outer: int) -> None:
    inner = schedule.get_loops(reducing)[outer:]
    kinds = [int(var.iter_type) for var in schedule.get(reducing).iter_vars]
    spatial = sum(1 for kind in kinds if kind == 0)
    reduce_count = len(kinds) - spatial
    lane, reduces = inner[-reduce_count - 1], inner[-reduce_count:]
    schedule.reorder(*reduces, lane)
    schedule.vectorize(lane)
    first = schedule.decompose_reduction(reducing, reduces[0])
    schedule.vectorize(schedule.get_loops(first)[-1])

"""Pooling and sums over outer axes: one vector of the innermost axis at a time, reduced in registers.

A kernel must have one reducing stage, the last or followed by stages that only scale its result; those
are computed where it is stored. Reductions along the innermost axis itself, or of another form, stay as
written: LLVM vectorizes their loops.
"""

from __future__ import annotations

from typing import Any

from tvm import s_tir

from edgekit.schedule.inspect import innermost_is_a_vector, is_reduction, spatial_axes
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.sharing import share_stage
from edgekit.schedule.template import Template, one_point
from edgekit.schedule.tiles import vector_split

_LANES = 16
_LEAST_LANES = 4


def schedule_reduction(function: Any) -> Scheduled:
    """Vectorize a kernel that reduces over outer axes."""
    schedule = s_tir.Schedule(function)
    blocks = schedule.get_child_blocks(schedule.get_sblock("root"))
    reducing = [position for position, block in enumerate(blocks) if is_reduction(schedule.get(block))]
    if reducing != [0] or not all(innermost_is_a_vector(schedule.get(block)) for block in blocks):
        return Scheduled(function)
    out = blocks[-1]
    rank = len(spatial_axes(schedule.get(out)))
    lanes = vector_split(int(schedule.get(schedule.get_loops(out)[rank - 1]).extent), _LANES)
    if lanes < _LEAST_LANES or rank != len(spatial_axes(schedule.get(blocks[0]))):
        return Scheduled(function)
    for stage in blocks[1:-1]:
        schedule.compute_inline(stage)
    block, lane = schedule.split(schedule.get_loops(out)[rank - 1], [None, lanes])
    if len(blocks) > 1:
        schedule.vectorize(lane)
        schedule.compute_at(blocks[0], block, preserve_unit_loops=True)
    share_stage(schedule, out)
    _vectorize_reduction(schedule, blocks[0])
    return Scheduled(schedule.mod["main"])


def _vectorize_reduction(schedule: Any, reducing: Any) -> None:
    """The vector's loop goes innermost, inside the loops that reduce."""
    steps = len(schedule.get(reducing).iter_vars) - len(spatial_axes(schedule.get(reducing)))
    *_, lane = schedule.get_loops(reducing)[:-steps]
    loops = schedule.get_loops(reducing)[-steps:]
    schedule.reorder(*loops, lane)
    schedule.vectorize(lane)
    first = schedule.decompose_reduction(reducing, loops[0])
    schedule.vectorize(schedule.get_loops(first)[-1])


REDUCTION = Template(
    name="reduction",
    kind="reduction",
    version=1,
    fits=lambda _job, _cpu: True,
    space=one_point,
    apply=lambda job, _cpu, _parameters: schedule_reduction(job.function),
)

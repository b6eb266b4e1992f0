"""Any kernel on a microcontroller: stages computed where their results are used, so that none takes memory.

Slow but small, and right for every operator: what no function that layers share computes is compiled as it
is written here.
"""

from __future__ import annotations

from typing import Any

from tvm import s_tir

from edgekit.schedule.inspect import is_reduction, spatial_axes
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Template, one_point

_KINDS = ("convolution", "depthwise", "elementwise", "reduction")
_BIASED = "biased"  # a stage of its own: inlined, TVM would widen both terms of the sum to 64 bits


def fuse_stages(function: Any) -> Any:
    """The kernel with its stages computed at each element of its result."""
    schedule = s_tir.Schedule(function)
    *stages, out = schedule.get_child_blocks(schedule.get_sblock("root"))
    kept = []
    for stage in reversed(stages):
        block = schedule.get(stage)
        if is_reduction(block) or block.name_hint == _BIASED:
            kept.append(stage)
        else:
            schedule.compute_inline(stage)
    for stage in kept:
        element = schedule.get_loops(out)[len(spatial_axes(schedule.get(out))) - 1]
        schedule.compute_at(stage, element, preserve_unit_loops=True)
    for stage in kept:
        _initialize_first(schedule, stage)
    return schedule.mod["main"]


def _initialize_first(schedule: Any, stage: Any) -> None:
    """Set a sum to its first value before the loops, not in their first step."""
    block = schedule.get(stage)
    if is_reduction(block):
        reduced = len(block.iter_vars) - len(spatial_axes(block))
        schedule.decompose_reduction(stage, schedule.get_loops(stage)[-reduced])


MCU_CANONICAL: tuple[Template, ...] = tuple(
    Template(
        name=f"mcu_{kind}",
        kind=kind,
        version=1,
        fits=lambda _job, _cpu: True,
        space=one_point,
        apply=lambda job, _cpu, _parameters: Scheduled(fuse_stages(job.function)),
    )
    for kind in _KINDS
)

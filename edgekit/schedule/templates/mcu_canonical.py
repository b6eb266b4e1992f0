"""Any kernel on a microcontroller: stages computed where their results are used, so that none takes memory.

Slow but small, and right for every operator: what no function that layers share computes is compiled as it
is written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tvm import s_tir

from edgekit.schedule.inspect import is_reduction, spatial_axes
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Template, one_point

if TYPE_CHECKING:
    from edgekit.schedule.cpu import CpuClass
    from edgekit.schedule.template import Job, Parameters

_FUSED = ("convolution", "depthwise", "elementwise", "reduction")
_AS_WRITTEN = "serial"  # stages that are scalars, mostly, and read more than once
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
    return schedule.mod["main"]


def initialize_first(function: Any) -> Any:
    """The kernel with the first values of its sums before their loops, not in the first step of these."""
    schedule = s_tir.Schedule(function)
    for stage in schedule.get_child_blocks(schedule.get_sblock("root")):
        block = schedule.get(stage)
        reduced = len(block.iter_vars) - len(spatial_axes(block))
        if reduced:
            schedule.decompose_reduction(stage, schedule.get_loops(stage)[-reduced])
    return schedule.mod["main"]


def _fused(job: Job, _cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    return Scheduled(initialize_first(fuse_stages(job.function)))


def _as_written(job: Job, _cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    return Scheduled(initialize_first(job.function))


MCU_CANONICAL: tuple[Template, ...] = tuple(
    Template(
        name=f"mcu_{kind}",
        kind=kind,
        version=1,
        fits=lambda _job, _cpu: True,
        space=one_point,
        apply=_as_written if kind == _AS_WRITTEN else _fused,
    )
    for kind in (*_FUSED, _AS_WRITTEN)
)

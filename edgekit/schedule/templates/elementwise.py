"""Elementwise kernels and copies: stages inlined, the innermost axis vectorized.

Table look-ups (an index that is itself loaded) stay scalar: no CPU here gathers bytes by vectors.
Where the innermost axis is no multiple of a vector the loop is left to LLVM, which vectorizes it with a tail.
"""

from __future__ import annotations

from typing import Any

from tvm import s_tir

from edgekit.schedule.inspect import has_computed_index, same_index_everywhere
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.sharing import share_stage
from edgekit.schedule.template import Template, one_point
from edgekit.schedule.templates.elementwise_kernels import is_elementwise_kernel
from edgekit.schedule.tiles import vector_split

_LANES = 16


def schedule_elementwise(function: Any) -> Scheduled:
    """Vectorize a kernel whose output elements do not depend on each other."""
    schedule = s_tir.Schedule(function)
    *stages, out = schedule.get_child_blocks(schedule.get_sblock("root"))
    for stage in stages:
        schedule.compute_inline(stage)
    loops = schedule.get_loops(out)
    block = schedule.get(out)
    if has_computed_index(block):
        share_stage(schedule, out)
        return Scheduled(schedule.mod["main"])
    if len(loops) > 1 and same_index_everywhere(block):
        loops = [schedule.fuse(*loops)]
    lanes = vector_split(int(schedule.get(loops[-1]).extent), _LANES)
    if lanes >= 4:
        _, lane = schedule.split(loops[-1], [None, lanes])
        schedule.vectorize(lane)
    share_stage(schedule, out)
    return Scheduled(schedule.mod["main"])


ELEMENTWISE = Template(
    name="elementwise",
    kind="elementwise",
    version=1,
    fits=lambda job, cpu: not is_elementwise_kernel(job, cpu),  # which always takes fewer instructions
    space=one_point,
    apply=lambda job, _cpu, _parameters: schedule_elementwise(job.function),
)

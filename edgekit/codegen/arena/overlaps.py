"""Which results may lie over the operands that their kernels use up."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.artifacts import root_of
from edgekit.codegen.arena.placement import Overlap

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from edgekit.artifacts import Buffer, KernelCall
    from edgekit.codegen.arena.lifetimes import Lifetimes


@dataclasses.dataclass(frozen=True)
class Kernels:
    """What the planner knows of kernels, by name. Leads and working in place are about the first operand."""

    workspaces: Mapping[str, tuple[int, ...]]  # bytes of each scratch memory
    leads: Mapping[str, int | None] = dataclasses.field(default_factory=dict)  # see schedule/lead.py
    in_place: Collection[str] = ()  # those that may write over it on the spot

    def scratch_of(self, call: KernelCall) -> tuple[int, ...]:
        """The scratch memory of a call."""
        return self.workspaces.get(call.kernel, ())


def overlaps_of(calls: Sequence[KernelCall], lifetimes: Lifetimes, kernels: Kernels) -> tuple[Overlap, ...]:
    """Every pair of allocations that may overlap in the one call where both are needed."""
    spans = lifetimes.spans
    return tuple(
        overlap
        for index, call in enumerate(calls)
        for overlap in possible_overlaps(call, lifetimes.buffers, kernels)
        if spans[overlap.result].first == index == spans[overlap.operand].last
    )


def possible_overlaps(call: KernelCall, buffers: Mapping[str, Buffer], kernels: Kernels) -> Iterator[Overlap]:
    """Those of a call if nothing of the result was there before, and nothing of the operand is needed after.

    Any operand that the call names in `KernelCall.in_place` may lie exactly under a result of the same size.
    """
    result, into = root_of(buffers, call.writes[0])
    for position, name in enumerate(call.reads):
        if name not in buffers or buffers[result].is_state:
            continue  # a constant; or what lies outside the arena
        operand, within = root_of(buffers, name)
        others = [other for other in call.reads if other != name and other in buffers]
        shared = any(root_of(buffers, other)[0] == operand for other in others)
        if shared or operand == result or buffers[operand].is_state:
            continue
        is_first = position == 0 and call.reads.count(name) == 1
        same_size = buffers[name].size_bytes == buffers[call.writes[0]].size_bytes
        is_exact = (is_first and call.kernel in kernels.in_place) or (position in call.in_place and same_size)
        lead = kernels.leads.get(call.kernel) if is_first else None
        if lead is not None or is_exact:
            apart = into - within
            yield Overlap(
                result, operand, None if lead is None else lead + apart, apart if is_exact else None
            )

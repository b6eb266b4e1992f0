"""Which results may lie over the operands that their kernels use up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.codegen.arena.placement import Overlap

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from edgekit.artifacts import KernelCall
    from edgekit.codegen.arena.lifetimes import Lifetimes


def overlaps_of(
    calls: Sequence[KernelCall],
    lifetimes: Lifetimes,
    leads: Mapping[str, int | None],
    in_place: Collection[str],
) -> tuple[Overlap, ...]:
    """Every pair of allocations that may overlap in the one call where both are needed.

    `leads` are those of kernels that have one (see schedule/lead.py), and `in_place` kernels that may work on
    the spot; both are about a call's first operand. Any operand that a call names in `KernelCall.in_place`
    may lie exactly under a result of the same size.
    """
    return tuple(
        overlap
        for index, call in enumerate(calls)
        for overlap in _overlaps(index, call, lifetimes, leads.get(call.kernel), call.kernel in in_place)
    )


def _overlaps(
    index: int, call: KernelCall, lifetimes: Lifetimes, lead: int | None, in_place: bool
) -> Iterator[Overlap]:
    result, into = lifetimes.place_of(call.writes[0])
    if lifetimes.buffers[result].is_state or lifetimes.spans[result].first != index:
        return
    for position, name in enumerate(call.reads):
        place = _used_up(index, call, position, lifetimes)
        if place is None or place[0] == result:
            continue
        is_first = position == 0 and call.reads.count(name) == 1
        is_exact = (is_first and in_place) or (
            position in call.in_place and _same_size(call, position, lifetimes)
        )
        apart = into - place[1]
        ahead = lead + apart if is_first and lead is not None else None
        if ahead is not None or is_exact:
            yield Overlap(result, place[0], ahead, apart if is_exact else None)


def _used_up(index: int, call: KernelCall, position: int, lifetimes: Lifetimes) -> tuple[str, int] | None:
    """Where an operand lies whose memory no later call, and no other operand of this one, has a part in."""
    name = call.reads[position]
    if name not in lifetimes.buffers:
        return None  # a constant
    operand, offset = lifetimes.place_of(name)
    if lifetimes.buffers[operand].is_state or lifetimes.spans[operand].last != index:
        return None
    others = [other for other in call.reads if other != name and other in lifetimes.buffers]
    shared = any(lifetimes.place_of(other)[0] == operand for other in others)
    return None if shared else (operand, offset)


def _same_size(call: KernelCall, position: int, lifetimes: Lifetimes) -> bool:
    buffers = lifetimes.buffers
    return buffers[call.reads[position]].size_bytes == buffers[call.writes[0]].size_bytes

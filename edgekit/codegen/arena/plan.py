"""The memory plan of a network: offsets in the arena and in the state, and where the peak is."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.artifacts import MemoryPlan, Peak, PlacedBlock
from edgekit.codegen.arena.lifetimes import Lifetimes
from edgekit.codegen.arena.order import in_least_order
from edgekit.codegen.arena.overlaps import Kernels, overlaps_of
from edgekit.codegen.arena.placement import Allocation, live_bytes, place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgekit.artifacts import Buffer, KernelCall
    from edgekit.codegen.arena.placement import Overlap


@dataclasses.dataclass(frozen=True)
class Alignment:
    """Bytes that addresses are multiples of."""

    block: int  # the arena, and the state
    inside: int  # everything placed in them


LINUX = Alignment(64, 64)  # cache lines, and the widest vectors
BARE = Alignment(8, 4)  # microcontrollers: the widest C type, and words
ALIGNMENT = LINUX.block


@dataclasses.dataclass(frozen=True)
class Arrangement:
    """The order to call kernels in, and where their memory is."""

    calls: tuple[KernelCall, ...]
    plan: MemoryPlan


def arrange(
    calls: Sequence[KernelCall],
    buffers: Mapping[str, Buffer],
    inputs: Sequence[str],
    outputs: Sequence[str],
    kernels: Kernels,
    alignment: Alignment = LINUX,
) -> Arrangement:
    """Plan the calls as they are, and in the order of least peak memory; the smaller arena is taken."""
    orders = [tuple(calls)]
    least = in_least_order(calls, buffers, inputs, outputs, kernels)
    if least != orders[0]:
        orders.append(least)
    arranged = [
        Arrangement(order, plan_memory(order, buffers, inputs, outputs, kernels, alignment=alignment))
        for order in orders
    ]
    return min(arranged, key=lambda each: each.plan.arena_bytes)


def plan_memory(
    calls: Sequence[KernelCall],
    buffers: Mapping[str, Buffer],
    inputs: Sequence[str],
    outputs: Sequence[str],
    kernels: Kernels,
    *,
    alignment: Alignment = LINUX,
) -> MemoryPlan:
    """Place every buffer that the calls use."""
    lifetimes = Lifetimes.of(calls, buffers, inputs, outputs)
    scratch = {
        (index, slot): Allocation(f"workspace:{index}:{slot}", size, index, index)
        for index, call in enumerate(calls)
        for slot, size in enumerate(kernels.scratch_of(call))
    }
    allocations = [*_allocations(lifetimes), *scratch.values()]
    overlaps = overlaps_of(calls, lifetimes, kernels)
    placed = place(allocations, overlaps, alignment=alignment.inside)
    states = _place_states(buffers, alignment.inside)
    offsets = {**placed.offsets, **states}
    places = {name: lifetimes.place_of(name) for name in buffers}
    return MemoryPlan(
        arena_bytes=max(placed.size_bytes, alignment.block),
        state_bytes=max((offsets[name] + buffers[name].size_bytes for name in states), default=0),
        offsets={name: offsets[root] + start for name, (root, start) in places.items() if root in offsets},
        workspaces={key: placed.offsets[item.name] for key, item in scratch.items()},
        bound_bytes=placed.bound_bytes,
        peak=_peak(len(calls), allocations, overlaps),
        blocks=tuple(
            PlacedBlock(item.name, placed.offsets[item.name], item.size_bytes, item.first, item.last)
            for item in allocations
        ),
    )


def with_overread(plan: MemoryPlan, overread_bytes: int) -> MemoryPlan:
    """The plan with bytes after the last buffer that kernels may read, whatever is in them."""
    state = plan.state_bytes + overread_bytes if plan.state_bytes else 0
    return dataclasses.replace(plan, arena_bytes=plan.arena_bytes + overread_bytes, state_bytes=state)


def _allocations(lifetimes: Lifetimes) -> list[Allocation]:
    return [
        Allocation(
            name, lifetimes.buffers[name].size_bytes, lifetimes.spans[name].first, lifetimes.spans[name].last
        )
        for name in lifetimes.in_arena
    ]


def _place_states(buffers: Mapping[str, Buffer], alignment: int) -> dict[str, int]:
    offsets: dict[str, int] = {}
    end = 0
    for name, buffer in buffers.items():
        if buffer.is_state and buffer.alias_of is None:
            offsets[name] = -(-end // alignment) * alignment
            end = offsets[name] + buffer.size_bytes
    return offsets


def _peak(calls: int, allocations: Sequence[Allocation], overlaps: Sequence[Overlap]) -> Peak | None:
    """The call that needs the most, the earliest of equals; None where there is no call."""
    needs = {index: live_bytes(index, allocations, overlaps) for index in range(calls)}
    if not needs:
        return None
    call = max(needs, key=lambda index: (needs[index], -index))
    live = sorted(
        (item for item in allocations if item.first <= call <= item.last), key=lambda item: -item.size_bytes
    )
    scratch = sum(item.size_bytes for item in live if item.name.startswith("workspace:"))
    buffers = {item.name: item.size_bytes for item in live if not item.name.startswith("workspace:")}
    return Peak(call=call, needed_bytes=needs[call], buffers=buffers, scratch_bytes=scratch)

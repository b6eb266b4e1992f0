"""The arena planner: one block of memory for the whole network, every byte placed at build time.

Buffers that alias one another are one allocation; an elementwise kernel whose input dies with it
writes over that input. Allocations are then placed greedily, largest first, in the lowest gap that
is free for as long as they live (the "greedy by size" strategy of Pisarchyk and Lee, "Efficient
Memory Management for Deep Neural Net Inference", 2020), trying several orders and keeping the
smallest result.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.artifacts import MemoryPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from edgekit.artifacts import Buffer, KernelCall

ALIGNMENT = 64  # of the arena, of every allocation in it, and of the state


@dataclasses.dataclass(frozen=True)
class Allocation:
    """Memory that is needed from call `first` to call `last`, both included."""

    name: str
    size_bytes: int
    first: int
    last: int

    def meets(self, other: Allocation) -> bool:
        """Whether both are needed at the same time."""
        return self.first <= other.last and other.first <= self.last


def plan_memory(
    calls: Sequence[KernelCall],
    buffers: Mapping[str, Buffer],
    inputs: Sequence[str],
    outputs: Sequence[str],
    workspaces: Mapping[str, tuple[int, ...]],
) -> MemoryPlan:
    """Place every buffer that the calls use. `workspaces` gives the scratch bytes of each kernel."""
    roots = _Roots(buffers)
    spans = _spans(calls, roots, inputs, outputs)
    roots.work_in_place(calls, spans)
    spans = _spans(calls, roots, inputs, outputs)
    scratch = {
        (index, slot): Allocation(f"workspace:{index}:{slot}", size, index, index)
        for index, call in enumerate(calls)
        for slot, size in enumerate(workspaces.get(call.kernel, ()))
    }
    needed = [
        Allocation(root, roots.size_bytes(root), *spans[root]) for root in spans if not buffers[root].is_state
    ]
    placed = place([*needed, *scratch.values()])
    states = _place_states(buffers)
    offsets = {
        name: (states if buffers[roots.of(name)[0]].is_state else placed.offsets)[roots.of(name)[0]]
        + roots.of(name)[1]
        for name in buffers
        if roots.of(name)[0] in spans or roots.of(name)[0] in states
    }
    return MemoryPlan(
        arena_bytes=max(placed.size_bytes, ALIGNMENT),
        state_bytes=_end(states, buffers),
        offsets=offsets,
        workspaces={key: placed.offsets[item.name] for key, item in scratch.items()},
    )


def with_overread(plan: MemoryPlan, overread_bytes: int) -> MemoryPlan:
    """The plan with bytes after the last buffer that kernels may read, whatever is in them."""
    state = plan.state_bytes + overread_bytes if plan.state_bytes else 0
    return dataclasses.replace(plan, arena_bytes=plan.arena_bytes + overread_bytes, state_bytes=state)


# ------------------------------------------------------------------------------------- placement


@dataclasses.dataclass(frozen=True)
class Placement:
    """Offsets of allocations, and the size of the block that holds them all."""

    offsets: Mapping[str, int]
    size_bytes: int


def place(allocations: Sequence[Allocation]) -> Placement:
    """The smallest placement that several greedy orders find."""
    orders: tuple[Callable[[Allocation], tuple[int, ...]], ...] = (
        lambda a: (-a.size_bytes, a.first),
        lambda a: (-(a.last - a.first), -a.size_bytes, a.first),
        lambda a: (-a.size_bytes * (a.last - a.first + 1), a.first),
        lambda a: (a.first, -a.size_bytes),
    )
    return min((_greedy(sorted(allocations, key=order)) for order in orders), key=lambda p: p.size_bytes)


def _greedy(ordered: Sequence[Allocation]) -> Placement:
    offsets: dict[str, int] = {}
    placed: list[Allocation] = []
    for item in ordered:
        offset = 0
        for other in sorted((p for p in placed if p.meets(item)), key=lambda p: offsets[p.name]):
            if offset + item.size_bytes <= offsets[other.name]:
                break
            offset = max(offset, align(offsets[other.name] + other.size_bytes))
        offsets[item.name] = offset
        placed.append(item)
    return Placement(offsets, max((offsets[p.name] + p.size_bytes for p in placed), default=0))


def align(offset: int) -> int:
    """The next multiple of ALIGNMENT."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


# ------------------------------------------------------------------------------------- lifetimes


class _Roots:
    """Which allocation each buffer lives in, and how far inside it."""

    def __init__(self, buffers: Mapping[str, Buffer]) -> None:
        self._buffers = buffers
        self._merged: dict[str, str] = {}

    def knows(self, name: str) -> bool:
        """Whether `name` is a buffer; a constant is not."""
        return name in self._buffers

    def of(self, name: str) -> tuple[str, int]:
        """The root buffer of `name` and the byte offset in it."""
        offset = 0
        while True:
            buffer = self._buffers[name]
            if name in self._merged:
                name = self._merged[name]
            elif buffer.alias_of is not None:
                name, offset = buffer.alias_of, offset + buffer.alias_offset_bytes
            else:
                return name, offset

    def size_bytes(self, root: str) -> int:
        """Bytes of an allocation: of its root, or of the largest buffer merged into it."""
        merged = [self._buffers[name].size_bytes for name in self._merged if self.of(name)[0] == root]
        return max([self._buffers[root].size_bytes, *merged])

    def work_in_place(self, calls: Sequence[KernelCall], spans: Mapping[str, tuple[int, int]]) -> None:
        """Let a result take the memory of an input of the same size that is needed no more."""
        ends = {root: last for root, (_, last) in spans.items()}
        for index, call in enumerate(calls):
            for position in call.in_place:
                if self._merge(call, call.reads[position], index, spans, ends):
                    break

    def _merge(
        self,
        call: KernelCall,
        source: str,
        index: int,
        spans: Mapping[str, tuple[int, int]],
        ends: dict[str, int],
    ) -> bool:
        target = call.writes[0]
        if not self.knows(source) or self.of(target) != (target, 0):
            return False  # a constant, or a window whose place is already decided
        root, offset = self.of(source)
        same_size = self._buffers[target].size_bytes == self._buffers[source].size_bytes
        whole = offset == 0 and self._buffers[root].size_bytes == self._buffers[source].size_bytes
        others = [r for r in call.reads if r != source and self.knows(r) and self.of(r)[0] == root]
        free = ends[root] == index and spans[target][0] == index and root != target
        states = self._buffers[root].is_state or self._buffers[target].is_state
        if states or not (same_size and whole and free) or others:
            return False
        self._merged[target] = root
        ends[root] = ends[target]
        return True


def _spans(
    calls: Sequence[KernelCall], roots: _Roots, inputs: Sequence[str], outputs: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """First and last call in which each root is needed; inputs from before the first, outputs to the end."""
    spans: dict[str, tuple[int, int]] = {}

    def need(name: str, moment: int) -> None:
        root, _ = roots.of(name)
        first, last = spans.get(root, (moment, moment))
        spans[root] = (min(first, moment), max(last, moment))

    for name in inputs:
        need(name, -1)
    for index, call in enumerate(calls):
        for name in (*call.reads, *call.writes):
            if roots.knows(name):
                need(name, index)
    for name in outputs:
        need(name, len(calls))
    return spans


def _place_states(buffers: Mapping[str, Buffer]) -> dict[str, int]:
    offsets: dict[str, int] = {}
    end = 0
    for name, buffer in buffers.items():
        if buffer.is_state and buffer.alias_of is None:
            offsets[name] = align(end)
            end = offsets[name] + buffer.size_bytes
    return offsets


def _end(offsets: Mapping[str, int], buffers: Mapping[str, Buffer]) -> int:
    return max((offset + buffers[name].size_bytes for name, offset in offsets.items()), default=0)

"""The order of operators that needs the least memory at once.

Where a network branches, operators may be run in several orders. The states of a search are the sets of
operators that have run; the least peak on any way through them is exact (as in Liberis and Lane, "Neural
networks on microcontrollers: saving memory at inference via operator reordering", 2019). A network with too
many ways through them is run in the order that keeps the least alive after every operator.

What one operator writes and another reads or writes keeps its order, byte by byte, and so do reads and
writes of a streaming model's state.
"""

from __future__ import annotations

import dataclasses
import heapq
from itertools import groupby
from typing import TYPE_CHECKING

from edgekit.artifacts import root_of
from edgekit.codegen.arena.overlaps import possible_overlaps

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from edgekit.artifacts import Buffer, KernelCall
    from edgekit.codegen.arena.overlaps import Kernels
    from edgekit.codegen.arena.placement import Overlap

_MOST_STEPS = 60_000  # from a set of operators to the next, that the exact search looks at


def in_least_order(
    calls: Sequence[KernelCall],
    buffers: Mapping[str, Buffer],
    inputs: Sequence[str],
    outputs: Sequence[str],
    kernels: Kernels,
) -> tuple[KernelCall, ...]:
    """The calls in the order of least peak memory; as they are where no order is better.

    Calls of one operator that follow one another stay together.
    """
    work = _Work.of(calls, buffers, inputs, outputs, kernels)
    given = work.peak(range(len(work.units)))
    if given <= work.bound:
        return tuple(calls)
    try:
        order = _least(work, below=given)
    except _TooManyStepsError:
        order = _greedy(work)
    if order is None or work.peak(order) >= given:
        return tuple(calls)
    return tuple(call for index in order for call in work.units[index].calls)


@dataclasses.dataclass(frozen=True)
class _Unit:
    """The calls of one operator. Sets of units are bits of an integer, one a unit."""

    calls: tuple[KernelCall, ...]
    after: int  # units that must have run
    touched: frozenset[str]  # allocations in the arena
    scratch_bytes: int
    overlaps: tuple[Overlap, ...]  # of a unit that is one call


@dataclasses.dataclass(frozen=True)
class _Moment:
    """What is alive after the units of a set."""

    done: int
    live: frozenset[str]  # allocations that hold something needed later
    live_bytes: int


@dataclasses.dataclass(frozen=True)
class _Work:
    """What there is to run, and how long each allocation is needed."""

    units: tuple[_Unit, ...]
    sizes: Mapping[str, int]
    users: Mapping[str, int]  # the units that touch an allocation
    inputs: frozenset[str]
    outputs: frozenset[str]

    @staticmethod
    def of(
        calls: Sequence[KernelCall],
        buffers: Mapping[str, Buffer],
        inputs: Sequence[str],
        outputs: Sequence[str],
        kernels: Kernels,
    ) -> _Work:
        groups = [tuple(group) for _, group in groupby(calls, key=lambda call: (call.operator, call.kind))]
        units = _units(groups, buffers, kernels)
        names = sorted({name for unit in units for name in unit.touched})
        return _Work(
            units=units,
            sizes={name: buffers[name].size_bytes for name in names},
            users={
                name: sum(1 << index for index, unit in enumerate(units) if name in unit.touched)
                for name in names
            },
            inputs=frozenset(root_of(buffers, name)[0] for name in inputs),
            outputs=frozenset(root_of(buffers, name)[0] for name in outputs),
        )

    @property
    def bound(self) -> int:
        """Bytes at once that no order is below: what the units touch themselves."""
        return max((self._of_itself(unit) for unit in self.units), default=0)

    def _of_itself(self, unit: _Unit) -> int:
        saved = [
            pair.saved_bytes(self.sizes[pair.result], self.sizes[pair.operand]) for pair in unit.overlaps
        ]
        touched = sum(self.sizes[name] for name in unit.touched)
        return touched + unit.scratch_bytes - max(saved, default=0)

    def ready(self, done: int) -> Iterable[int]:
        """Units that can run next."""
        return (
            index
            for index, unit in enumerate(self.units)
            if not done >> index & 1 and unit.after & done == unit.after
        )

    def after(self, done: int) -> _Moment:
        """The moment after the units of `done`."""
        live = frozenset(
            name
            for name, users in self.users.items()
            if (users & done or name in self.inputs) and (users & ~done or name in self.outputs)
        )
        return _Moment(done, live, sum(self.sizes[name] for name in live))

    def needed(self, index: int, moment: _Moment) -> int:
        """Bytes at once while a unit runs at a moment."""
        unit = self.units[index]
        new = sum(self.sizes[name] for name in unit.touched if name not in moment.live)
        total = moment.live_bytes + new + unit.scratch_bytes
        after = moment.done | 1 << index
        saved = [
            pair.saved_bytes(self.sizes[pair.result], self.sizes[pair.operand])
            for pair in unit.overlaps
            if pair.result not in moment.live
            and not self.users[pair.operand] & ~after
            and pair.operand not in self.outputs
        ]
        return total - max(saved, default=0)

    def peak(self, order: Iterable[int]) -> int:
        """Bytes at once in an order, at most."""
        done = most = 0
        for index in order:
            most = max(most, self.needed(index, self.after(done)))
            done |= 1 << index
        return most


class _TooManyStepsError(Exception):
    """The exact search would take too long."""


def _least(work: _Work, *, below: int) -> list[int] | None:
    """An order of the least peak that is `below` so many bytes; None where no order is."""
    everything = (1 << len(work.units)) - 1
    # Low peaks first; of those the largest set, so that a way without a higher peak is followed to its end.
    waiting: list[tuple[int, int, int, int, int]] = [(work.bound, 0, 0, 0, 0)]
    reached: dict[int, tuple[int, int]] = {}  # set -> (the set before, the unit that was run)
    steps = 0
    while waiting:
        peak, missing, done, before, unit = heapq.heappop(waiting)
        if done in reached:
            continue
        reached[done] = (before, unit)
        if done == everything:
            return _way_to(done, reached)
        moment = work.after(done)
        for index in work.ready(done):
            steps += 1
            if steps > _MOST_STEPS:
                raise _TooManyStepsError
            after = done | 1 << index
            higher = max(peak, work.needed(index, moment))
            if after not in reached and higher < below:
                heapq.heappush(waiting, (higher, missing - 1, after, done, index))
    return None


def _way_to(done: int, reached: Mapping[int, tuple[int, int]]) -> list[int]:
    order = []
    while done:
        done, unit = reached[done]
        order.append(unit)
    return order[::-1]


def _greedy(work: _Work) -> list[int]:
    """The unit that leaves the least alive runs next."""
    done, order = 0, []
    for _ in work.units:
        index = min(
            work.ready(done),
            key=lambda i: work.after(done | 1 << i).live_bytes,
        )
        order.append(index)
        done |= 1 << index
    return order


@dataclasses.dataclass(frozen=True)
class _Touched:
    """The bytes that some calls touch: allocations with the first byte in them, and one past the last."""

    all: tuple[tuple[str, int, int], ...]
    written: tuple[tuple[str, int, int], ...]

    @staticmethod
    def by(calls: Iterable[KernelCall], buffers: Mapping[str, Buffer]) -> _Touched:
        def places(names: Iterable[str]) -> tuple[tuple[str, int, int], ...]:
            roots = {name: root_of(buffers, name) for name in names if name in buffers}  # not constants
            return tuple((root, at, at + buffers[name].size_bytes) for name, (root, at) in roots.items())

        reads = [name for call in calls for name in call.reads]
        writes = [name for call in calls for name in call.writes]
        return _Touched(all=places([*reads, *writes]), written=places(writes))

    def must_follow(self, earlier: _Touched) -> bool:
        """Whether any bytes are touched by both, and written by one."""
        return _meet(self.written, earlier.all) or _meet(self.all, earlier.written)


def _meet(ones: Iterable[tuple[str, int, int]], others: Sequence[tuple[str, int, int]]) -> bool:
    return any(
        root == other and start < upper and low < end
        for root, start, end in ones
        for other, low, upper in others
    )


def _units(
    groups: Sequence[tuple[KernelCall, ...]], buffers: Mapping[str, Buffer], kernels: Kernels
) -> tuple[_Unit, ...]:
    touched = [_Touched.by(calls, buffers) for calls in groups]
    return tuple(
        _Unit(
            calls=calls,
            after=sum(1 << i for i in range(index) if touched[index].must_follow(touched[i])),
            touched=frozenset(root for root, _, _ in touched[index].all if not buffers[root].is_state),
            scratch_bytes=max(sum(kernels.scratch_of(call)) for call in calls),
            overlaps=tuple(possible_overlaps(calls[0], buffers, kernels)) if len(calls) == 1 else (),
        )
        for index, calls in enumerate(groups)
    )

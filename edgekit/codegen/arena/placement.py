"""Where allocations go: each in the lowest place that is free, in an order that a search improves.

First fit in several orders is the "greedy by size" family of Pisarchyk and Lee, "Efficient Memory Management
for Deep Neural Net Inference" (2020). For chains of results that overlap their operands, large allocations
go first, the latest lowest. Then the search moves what lies at the top, or what is in its way, to other
places in the order, until the lower bound is met or all tries are made. It counts tries and never looks at
a clock: the same allocations get the same offsets.
"""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TRIES = 100  # orders that the search looks at, at most, after each of those that it begins with
_MOST_MEETINGS = (
    100_000  # of allocations, that it looks at in those orders: fewer orders where many are alive at once
)
_SHARES = (2, 4, 8, 16)  # of the lower bound: what is larger goes first, in order of time


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


@dataclasses.dataclass(frozen=True)
class Overlap:
    """Two allocations that meet only in the call that writes `result` and uses `operand` up.

    They may share bytes where the operand starts `lead_bytes` above the result or more, and where it starts
    exactly `distance_bytes` above; None: nowhere for that reason.
    """

    result: str
    operand: str
    lead_bytes: int | None
    distance_bytes: int | None = None

    def saved_bytes(self, result_bytes: int, operand_bytes: int) -> int:
        """The most bytes that the two can share."""
        starts = [] if self.lead_bytes is None else [max(0, self.lead_bytes)]
        starts += [] if self.distance_bytes is None else [self.distance_bytes]
        ends = [max(result_bytes, start + operand_bytes) - min(0, start) for start in starts]
        return max([0, *(result_bytes + operand_bytes - end for end in ends)])

    def aligned(self, alignment: int) -> Overlap:
        """The same, with a lead that a difference of two aligned offsets can be."""
        if self.lead_bytes is None:
            return self
        return dataclasses.replace(self, lead_bytes=-(-self.lead_bytes // alignment) * alignment)


@dataclasses.dataclass(frozen=True)
class Placement:
    """Offsets of allocations, the size of the block that holds them all, and a size that none is below."""

    offsets: Mapping[str, int]
    size_bytes: int
    bound_bytes: int


def place(
    allocations: Sequence[Allocation],
    overlaps: Sequence[Overlap] = (),
    *,
    alignment: int = 1,
    tries: int = TRIES,
) -> Placement:
    """The smallest placement found; offsets are multiples of `alignment`."""
    overlaps = [overlap.aligned(alignment) for overlap in overlaps]
    bound = max((live_bytes(item.first, allocations, overlaps) for item in allocations), default=0)
    puzzle = _Puzzle(allocations, overlaps, alignment)
    tries = min(tries, _MOST_MEETINGS // max(1, sum(map(len, puzzle.meets))))
    fits = {tuple(fit.offsets): fit for fit in (puzzle.fit(order) for order in _orders(allocations, bound))}
    starts = sorted(fits.values(), key=lambda fit: fit.size)
    best = starts[0]
    for start in starts:
        if best.size > bound:
            best = min(best, _improved(puzzle, start, bound, tries), key=lambda fit: fit.size)
    offsets = {item.name: best.offsets[index] for index, item in enumerate(allocations)}
    return Placement(offsets, best.size, bound)


def live_bytes(moment: int, allocations: Sequence[Allocation], overlaps: Sequence[Overlap]) -> int:
    """What a call needs at least: all that is live, less the most that results and operands may share."""
    live = {item.name: item.size_bytes for item in allocations if item.first <= moment <= item.last}
    saved = dict.fromkeys(live, 0)
    for pair in overlaps:
        if pair.result in live and pair.operand in live:
            most = saved[pair.result] + pair.saved_bytes(live[pair.result], live[pair.operand])
            saved[pair.result] = min(live[pair.result], most)
    return sum(live.values()) - sum(saved.values())


def _orders(allocations: Sequence[Allocation], bound: int) -> Iterator[list[int]]:
    """Orders to begin with, as indices."""
    sizes = [item.size_bytes for item in allocations]
    firsts = [item.first for item in allocations]
    calls = [item.last - item.first + 1 for item in allocations]
    every = range(len(allocations))
    yield sorted(every, key=lambda i: (-sizes[i], firsts[i]))
    yield sorted(every, key=lambda i: (-calls[i], -sizes[i], firsts[i]))
    yield sorted(every, key=lambda i: (-sizes[i] * calls[i], firsts[i]))
    yield sorted(every, key=lambda i: (firsts[i], -sizes[i]))
    yield sorted(every, key=lambda i: (-firsts[i], -sizes[i]))
    for share in _SHARES:
        large = [i for i in every if sizes[i] * share >= bound]
        small = sorted((i for i in every if sizes[i] * share < bound), key=lambda i: (-sizes[i], firsts[i]))
        in_time = sorted(large, key=lambda i: firsts[i])
        yield in_time[::-1] + small
        yield in_time + small


@dataclasses.dataclass(frozen=True)
class _Fit:
    """What an order gives: offsets by index, and the size of the whole."""

    order: list[int]
    offsets: list[int]
    size: int


class _Puzzle:
    """Allocations by index, and where each may lie beside those that it meets."""

    def __init__(
        self, allocations: Sequence[Allocation], overlaps: Sequence[Overlap], alignment: int
    ) -> None:
        self.sizes = [item.size_bytes for item in allocations]
        self.meets = [
            [j for j, other in enumerate(allocations) if j != i and item.meets(other)]
            for i, item in enumerate(allocations)
        ]
        self._alignment = alignment
        index = {item.name: i for i, item in enumerate(allocations)}
        self._pairs = {(index[pair.result], index[pair.operand]): pair for pair in overlaps}

    def fit(self, order: Sequence[int], limit: int | None = None) -> _Fit:
        """Everything in the lowest place free, in order. Stops at once where that is above `limit`."""
        offsets = [-1] * len(order)
        size = 0
        for i in order:
            taken = [span for j in self.meets[i] if offsets[j] >= 0 for span in self._taken(i, j, offsets[j])]
            offset = 0
            for low, high in sorted(taken):
                if offset < low:
                    break
                if offset < high:
                    offset = -(-high // self._alignment) * self._alignment
            offsets[i] = offset
            size = max(size, offset + self.sizes[i])
            if limit is not None and size > limit:
                break
        return _Fit(list(order), offsets, size)

    def _taken(self, i: int, j: int, start: int) -> tuple[tuple[int, int], ...]:
        """Half-open intervals of the offsets that `i` may not have while `j` lies at `start`."""
        low, high = start - self.sizes[i] + 1, start + self.sizes[j]
        distance = None
        if (pair := self._pairs.get((i, j))) is not None:  # i is the result
            low = low if pair.lead_bytes is None else max(low, start - pair.lead_bytes + 1)
            distance = None if pair.distance_bytes is None else start - pair.distance_bytes
        elif (pair := self._pairs.get((j, i))) is not None:  # i is the operand
            high = high if pair.lead_bytes is None else min(high, start + pair.lead_bytes)
            distance = None if pair.distance_bytes is None else start + pair.distance_bytes
        if distance is None or not low <= distance < high:
            return ((low, high),)
        return ((low, distance), (distance + 1, high))


def _improved(puzzle: _Puzzle, best: _Fit, bound: int, tries: int) -> _Fit:
    """Moves allocations within the order, one at a time, as long as that makes nothing larger."""
    chance = random.Random(0)

    def one_of(indices: Sequence[int]) -> int:
        return indices[int(chance.random() * len(indices))]

    for _ in range(tries):
        if best.size <= bound:
            break
        top = [i for i in best.order if best.offsets[i] + puzzle.sizes[i] == best.size]
        moved = one_of(top)
        if puzzle.meets[moved] and chance.random() < 0.5:
            moved = one_of(puzzle.meets[moved])
        order = [i for i in best.order if i != moved]
        order.insert(int(chance.random() * len(best.order)), moved)
        fit = puzzle.fit(order, limit=best.size)
        if fit.size <= best.size:
            best = fit
    return best

"""Which rows each layer of a chain makes in each band, and which it keeps for the next one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.compute.convolution import Window


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer whose window moves down a plane: its rows, before and after, and the bytes of one after it."""

    window: Window
    in_rows: int
    out_rows: int
    row_bytes: int

    def first_needed(self, row: int) -> int:
        """The first input row that the window of an output row, or of any later one, reads."""
        return min(self.in_rows, max(0, row * self.window.stride_h - self.window.pad_top))

    def end_needed(self, end: int) -> int:
        """One past the last input row that output rows before `end` read."""
        window = self.window
        last = (end - 1) * window.stride_h - window.pad_top + (window.kernel_h - 1) * window.dilation_h
        return min(self.in_rows, max(0, last + 1))


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows `begin` .. `end` that a layer makes in a band, of input rows `reads_begin` .. `reads_end`."""

    layer: int
    begin: int
    end: int
    reads_begin: int
    reads_end: int


@dataclasses.dataclass(frozen=True)
class Move:
    """`count` rows of what `layer` made, from row `begin`, that go `by` rows down in its buffer."""

    layer: int
    begin: int
    count: int
    by: int


@dataclasses.dataclass(frozen=True)
class Bands:
    """What is done, in order, and how many rows the buffers behind all layers but the last must hold.

    `bases` gives for every step of `work` the first row that each buffer holds during it.
    """

    work: tuple[Rows | Move, ...]
    bases: tuple[tuple[int, ...], ...]
    held: tuple[int, ...]


def bands_of(layers: Sequence[Layer], rows: int) -> Bands:
    """The work of a chain of layers when the last one makes `rows` rows at a time."""
    walk = _Walk(layers)
    for end in range(rows, layers[-1].out_rows + rows, rows):
        walk.band(min(end, layers[-1].out_rows))
    return Bands(tuple(walk.work), tuple(walk.bases), tuple(walk.held))


class _Walk:
    """How far each layer has come."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.work: list[Rows | Move] = []
        self.bases: list[tuple[int, ...]] = []
        self.held = [0] * (len(layers) - 1)
        self._layers = layers
        self._done = [0] * len(layers)
        self._base = [0] * (len(layers) - 1)

    def band(self, end: int) -> None:
        """Bring the last layer to row `end`."""
        for index, wanted in enumerate(self._ends(end)):
            if wanted <= self._done[index]:
                continue
            if index < len(self._base):
                self._make_room(index)
            layer, begin = self._layers[index], self._done[index]
            reads = layer.first_needed(begin), layer.end_needed(wanted)
            self._add(Rows(index, begin, wanted, *reads))
            self._done[index] = wanted
            if index < len(self._base):
                self.held[index] = max(self.held[index], wanted - self._base[index])

    def _ends(self, end: int) -> list[int]:
        """The row that each layer must come to."""
        ends = [end]
        for layer in reversed(self._layers[1:]):
            ends.append(layer.end_needed(ends[-1]))
        return ends[::-1]

    def _make_room(self, index: int) -> None:
        """Move the rows that the next layer still reads to the beginning of a buffer."""
        begin = min(self._done[index], self._layers[index + 1].first_needed(self._done[index + 1]))
        moved, kept = begin - self._base[index], self._done[index] - begin
        if moved == 0:
            return
        # No more than `moved` rows at a time: then they go where none of them comes from.
        for first in range(0, kept, moved):
            self._add(Move(index, begin + first, min(moved, kept - first), moved))
        self._base[index] = begin

    def _add(self, step: Rows | Move) -> None:
        self.work.append(step)
        self.bases.append(tuple(self._base))

"""Moving values without changing them: windows, joins, permutations, and lookups by position."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te, tirx

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

Expr = Any  # a tirx expression; TVM ships no types


@dataclasses.dataclass(frozen=True)
class Span:
    """Which indices of one axis are taken: begin, begin + stride, ..., `size` of them, out of `extent`."""

    extent: int
    begin: int
    size: int
    stride: int = 1

    @staticmethod
    def all_of(extent: int) -> Span:
        """The whole axis."""
        return Span(extent, 0, extent)

    @property
    def is_whole(self) -> bool:
        """Whether it takes every index in order."""
        return self.begin == 0 and self.stride == 1 and self.size == self.extent


@dataclasses.dataclass(frozen=True)
class RowCopy:
    """The workload of a copy: rows of bytes, `step` bytes from one to the next, to where they touch."""

    rows: int
    row_bytes: int
    begin: int = 0  # of the first one
    step: int = 0

    @staticmethod
    def of(spans: Sequence[Span], element_bytes: int) -> RowCopy | None:
        """The copy of a window that `collapse` gave; None if its elements lie otherwise."""
        *outer, inner = spans
        if inner.stride != 1 or len(outer) > 1:
            return None
        length = inner.extent * element_bytes
        rows = outer[0] if outer else Span.all_of(1)
        return RowCopy(
            rows=rows.size,
            row_bytes=inner.size * element_bytes,
            begin=rows.begin * length + inner.begin * element_bytes,
            step=rows.stride * length,
        )


def collapse(spans: Sequence[Span]) -> tuple[Span, ...]:
    """The same elements in the same order by as few axes as possible; one at least.

    A single span of stride 1 is left exactly when the elements lie next to each other.
    """
    merged: list[Span] = []
    for span in reversed(spans):
        outer = dataclasses.replace(span, stride=1) if span.size == 1 else span
        joined = _join(outer, merged[-1]) if merged else None
        if joined is None:
            merged.append(outer)
        else:
            merged[-1] = joined
    return tuple(reversed(merged)) or (Span.all_of(1),)


def _join(outer: Span, inner: Span) -> Span | None:
    """Both axes as one, or None where their elements have no common stride."""
    extent = outer.extent * inner.extent
    begin = outer.begin * inner.extent + inner.begin
    if outer.size == 1:
        return Span(extent, begin, inner.size, inner.stride)
    if inner.size == 1:
        return Span(extent, begin, outer.size, outer.stride * inner.extent)
    if inner.is_whole and outer.stride == 1:
        return Span(extent, begin, outer.size * inner.size)
    return None


def take(array: NDArray[Any], spans: Sequence[Span]) -> NDArray[Any]:
    """The window on an array of constants, one span per axis."""
    for axis, span in enumerate(spans):
        array = np.take(array, span.begin + span.stride * np.arange(span.size), axis=axis)
    return array


def window(x: te.Tensor, spans: Sequence[Span]) -> te.Tensor:
    """The window on `x`, one span per axis."""
    return te.compute(
        tuple(span.size for span in spans),
        lambda *indices: x(*(span.begin + span.stride * i for span, i in zip(spans, indices, strict=True))),
        name="window",
    )


def copy(x: te.Tensor) -> te.Tensor:
    """The same values in other memory."""
    return te.compute(x.shape, lambda *i: x(*i), name="copy")  # noqa: PLW0108 - the number of axes is read off it


def join(parts: Sequence[te.Tensor]) -> te.Tensor:
    """Rows of all parts one after the other: [rows, sum of columns] of parts [rows, columns]."""
    columns = [int(part.shape[1]) for part in parts]

    def element(row: Expr, column: Expr) -> Expr:
        start = sum(columns) - columns[-1]
        value = parts[-1](row, column - start)
        for part, width in zip(reversed(parts[:-1]), reversed(columns[:-1]), strict=True):
            end, start = start, start - width
            value = tirx.if_then_else(column < end, part(row, column - start), value)
        return value

    return te.compute((parts[0].shape[0], sum(columns)), element, name="joined")


def collapse_permutation(
    shape: Sequence[int], order: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The same transposition with as few axes as possible: axes of one index left out, neighbours merged.

    `order[i]` is the input's axis that becomes the output's axis i.
    """
    runs: list[list[int]] = []
    kept = [axis for axis, extent in enumerate(shape) if extent > 1]
    for axis in (axis for axis in order if axis in kept):
        if runs and kept.index(axis) == kept.index(runs[-1][-1]) + 1:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    in_input_order = sorted(runs)
    extents = tuple(math.prod(shape[axis] for axis in run) for run in in_input_order)
    return extents, tuple(in_input_order.index(run) for run in runs)


def permute(x: te.Tensor, order: Sequence[int]) -> te.Tensor:
    """`x` with its axis order[i] as axis i."""
    return te.compute(
        tuple(x.shape[axis] for axis in order),
        lambda *indices: x(*(indices[order.index(axis)] for axis in range(len(order)))),
        name="permuted",
    )


def lookup(table: NDArray[np.int32], parameter: Callable[[], te.Tensor]) -> Callable[[Expr], Expr]:
    """A function of an index that gives `table[index]`: by arithmetic where it is a plain sequence.

    `parameter` makes a kernel parameter of the table; it is called only where arithmetic will not do.
    """
    positions = np.arange(table.size)
    factor = int(table[-1]) // max(table.size - 1, 1)
    if np.array_equal(table, positions * factor):
        return lambda i: i * factor
    divisor = max(int(np.count_nonzero(table == 0)), 1)
    if np.array_equal(table, positions // divisor):
        return lambda i: i // divisor
    constants = parameter()
    return lambda i: constants[i]

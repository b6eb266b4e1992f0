"""STRIDED_SLICE: Python's slicing with its masks."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.compute.movement import Span
from edgekit.lower.moves import MOVE, constant_integers, integers, move_window
from edgekit.lower.rules import Support, found

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgekit.lower.kernel import Alias, Kernel
    from edgekit.lower.view import OperatorView


@dataclasses.dataclass(frozen=True)
class _Entry:
    """What the specification says of one axis. `axis` is None for a new axis."""

    axis: int | None
    begin: int | None = None  # None is the mask: from the first, or up to the last
    end: int | None = None
    stride: int = 1
    shrinks: bool = False


# --------------------------------------------------------------------------------------- rules


def bounds_are_constant(view: OperatorView) -> str | None:
    """Begin, end and strides must be constant int32 vectors of equal length."""
    for bounds in view.inputs[1:]:
        problem = constant_integers(bounds, axes=1)
        if problem:
            return problem
    lengths = {view.input(position).elements for position in (1, 2, 3)}
    return found(len(lengths) != 1, f"lengths {sorted(lengths)}")


def end_is_no_offset(view: OperatorView) -> str | None:
    """The end must be an index, not an offset from the beginning."""
    return found(bool(view.operator.options.get("offset")), "the option offset is set")


def has_one_ellipsis(view: OperatorView) -> str | None:
    """There may be one ellipsis at most."""
    count = view.input(1).elements
    mask = view.option("ellipsis_mask") & ((1 << count) - 1)
    return found(mask.bit_count() > 1, f"ellipsis mask {mask:#x}")


def entries_fit_the_axes(view: OperatorView) -> str | None:
    """There may not be more entries than axes, new axes and the ellipsis not counted."""
    count = sum(
        not _is_set(view, "ellipsis", i) and not _is_new(view, i) for i in range(view.input(1).elements)
    )
    return found(count > len(view.input(0).shape), f"{count} entries for {list(view.input(0).shape)}")


def strides_step(view: OperatorView) -> str | None:
    """No stride may be 0, and the stride of an axis that is taken away must be positive."""
    for entry in _entries(view):
        if entry.stride == 0 or (entry.shrinks and entry.stride < 0):
            return f"stride {entry.stride} along axis {entry.axis}"
    return None


def shrunk_index_exists(view: OperatorView) -> str | None:
    """The index of an axis that is taken away must lie inside it."""
    for entry, span in zip(_axis_entries(view), strided_spans(view), strict=True):
        if entry.shrinks and not 0 <= span.begin < span.extent:
            return f"index {entry.begin} along axis {entry.axis} of {span.extent}"
    return None


def output_shape_follows(view: OperatorView) -> str | None:
    """The output's shape must follow from begin, end, strides and masks."""
    sizes = iter(strided_spans(view))
    shape = []
    for entry in _entries(view):
        size = 1 if entry.axis is None else next(sizes).size
        if not entry.shrinks:
            shape.append(size)
    return found(tuple(shape) != view.output.shape, f"{list(view.output.shape)}, not {shape}")


# ------------------------------------------------------------------------------------- lowering


def strided_spans(view: OperatorView) -> tuple[Span, ...]:
    """What is taken of each axis of the input.

    Source: `StridedSliceStartForAxis` and `StridedSliceEndForAxis` of
    tensorflow/lite/kernels/internal/strided_slice_logic.h. TFLite Micro knows no ellipsis and no new
    axes; these mean what they mean to LiteRT.
    """
    shape = view.input(0).shape
    return tuple(_span(shape[entry.axis or 0], entry) for entry in _axis_entries(view))


def lower_strided_slice(view: OperatorView) -> Sequence[Kernel | Alias]:
    """A window with steps."""
    return [move_window(view.input(0), strided_spans(view), view.output)]


def _span(extent: int, entry: _Entry) -> Span:
    first, last = (0, extent) if entry.stride > 0 else (-1, extent - 1)

    def index(value: int) -> int:
        return min(max(value + extent if value < 0 else value, first), last)

    start, stop = (first, last) if entry.stride > 0 else (last, first)
    begin = start if entry.begin is None else index(entry.begin)
    if entry.shrinks:
        return Span(extent, begin, 1)
    end = stop if entry.end is None else index(entry.end)
    return Span(extent, begin, max(0, -((begin - end) // entry.stride)), entry.stride)


def _axis_entries(view: OperatorView) -> list[_Entry]:
    return [entry for entry in _entries(view) if entry.axis is not None]


def _entries(view: OperatorView) -> Iterator[_Entry]:
    """One entry for each axis of the input and each new axis, in the output's order."""
    begins, ends, strides = (integers(view.input(position)) for position in (1, 2, 3))
    rank, axis = len(view.input(0).shape), 0
    named = sum(not _is_set(view, "ellipsis", i) and not _is_new(view, i) for i in range(len(begins)))
    for i, (begin, end, stride) in enumerate(zip(begins, ends, strides, strict=True)):
        if _is_set(view, "ellipsis", i):
            for _ in range(rank - named):
                yield _Entry(axis)
                axis += 1
        elif _is_new(view, i):
            yield _Entry(None)
        else:
            yield _Entry(
                axis,
                begin=None if _is_set(view, "begin", i) else begin,
                end=None if _is_set(view, "end", i) else end,
                stride=stride,
                shrinks=_is_set(view, "shrink_axis", i),
            )
            axis += 1
    for rest in range(axis, rank):
        yield _Entry(rest)


def _is_set(view: OperatorView, mask: str, position: int) -> bool:
    return bool(view.option(f"{mask}_mask") >> position & 1)


def _is_new(view: OperatorView, position: int) -> bool:
    """Whether an entry makes a new axis; the ellipsis comes first where a file says both."""
    return _is_set(view, "new_axis", position) and not _is_set(view, "ellipsis", position)


OPERATORS = {
    "STRIDED_SLICE": Support(
        (
            *MOVE,
            bounds_are_constant,
            end_is_no_offset,
            has_one_ellipsis,
            entries_fit_the_axes,
            strides_step,
            shrunk_index_exists,
            output_shape_follows,
        ),
        lower_strided_slice,
    )
}

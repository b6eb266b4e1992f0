"""SLICE, SPLIT, SPLIT_V and UNPACK: windows on a tensor. STRIDED_SLICE has a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.compute.movement import Span
from edgekit.lower.moves import (
    MOVE,
    constant_integers,
    differing_type,
    integers,
    move_window,
    positive_axis,
    values_can_be_moved,
)
from edgekit.lower.rules import Support, found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.artifacts import Tensor
    from edgekit.lower.kernel import Alias, Kernel
    from edgekit.lower.view import OperatorView

Spans = tuple[Span, ...]


# --------------------------------------------------------------------------------------- SLICE


def slice_bounds_are_constant(view: OperatorView) -> str | None:
    """Begin and size must be constant int32 or int64 vectors with one value for each axis."""
    for bounds in view.inputs[1:]:
        problem = constant_integers(bounds, axes=1, or_int64=True)
        if problem:
            return problem
        if bounds is not None and bounds.elements != len(view.input(0).shape):
            return f"{bounds.elements} values for {len(view.input(0).shape)} axes"
    return None


def slice_is_inside(view: OperatorView) -> str | None:
    """The slice must lie inside the input and have the output's shape."""
    begins, sizes = integers(view.input(1)), integers(view.input(2))
    (spans,) = slice_spans(view)
    inside = all(s.begin >= 0 and s.size >= 0 and s.begin + s.size <= s.extent for s in spans)
    fits = inside and tuple(span.size for span in spans) == view.output.shape
    return found(
        not fits, f"{sizes} from {begins} of {list(view.input(0).shape)}, to {list(view.output.shape)}"
    )


def slice_spans(view: OperatorView) -> tuple[Spans]:
    """What SLICE takes: size -1 is the rest (tensorflow/lite/kernels/internal/reference/slice.h)."""
    shape = view.input(0).shape
    bounds = zip(shape, integers(view.input(1)), integers(view.input(2)), strict=True)
    return (
        tuple(Span(extent, begin, extent - begin if size == -1 else size) for extent, begin, size in bounds),
    )


# ------------------------------------------------------------------------------- SPLIT, SPLIT_V


def split_input(view: OperatorView) -> Tensor:
    """The tensor that is taken apart: SPLIT has the axis before it."""
    return view.input(1 if view.operator.kind == "SPLIT" else 0)


def split_types_agree(view: OperatorView) -> str | None:
    """The tensor and all its parts must have the same type."""
    return differing_type(split_input(view), view)


def split_axis_is_constant(view: OperatorView) -> str | None:
    """The axis must be one constant int32, and the input must have it."""
    axis = view.input(0 if view.operator.kind == "SPLIT" else 2)
    problem = constant_integers(axis)
    if problem or axis.elements != 1:
        return problem or f"{axis.elements} values"
    rank = len(split_input(view).shape)
    return found(not -rank <= integers(axis)[0] < rank, f"axis {integers(axis)[0]} of {rank}")


def parts_fill_the_input(view: OperatorView) -> str | None:
    """The parts, put together along the axis, must have the input's shape."""
    shape, axis = split_input(view).shape, _split_axis(view)
    for out in view.outputs:
        if len(out.shape) != len(shape) or _without(out.shape, axis) != _without(shape, axis):
            return f"{list(out.shape)} from {list(shape)} along axis {axis}"
    total = sum(out.shape[axis] for out in view.outputs)
    return found(total != shape[axis], f"{total} of {shape[axis]} along axis {axis}")


def parts_are_equal(view: OperatorView) -> str | None:
    """All parts must have the same size."""
    shapes = {out.shape for out in view.outputs}
    return found(len(shapes) != 1, f"{sorted(map(list, shapes))}")


def split_spans(view: OperatorView) -> tuple[Spans, ...]:
    """What each output takes.

    SPLIT_V's sizes are those of its outputs (`SplitImpl` of tensorflow/lite/micro/kernels/split_v.cc).
    """
    shape, axis = split_input(view).shape, _split_axis(view)
    begin, spans = 0, []
    for out in view.outputs:
        size = out.shape[axis]
        spans.append(_window_along(shape, axis, begin, size))
        begin += size
    return tuple(spans)


def _split_axis(view: OperatorView) -> int:
    axis = view.input(0 if view.operator.kind == "SPLIT" else 2)
    return positive_axis(integers(axis)[0], len(split_input(view).shape))


# --------------------------------------------------------------------------------------- UNPACK


def unpacked_axis_exists(view: OperatorView) -> str | None:
    """The input must have the axis, with one index for each output."""
    shape, axis = view.input(0).shape, view.option("axis")
    if not -len(shape) <= axis < len(shape):
        return f"axis {axis} of {list(shape)}"
    count = shape[axis]
    return found(count != len(view.outputs), f"{len(view.outputs)} outputs of {count} along axis {axis}")


def unpacked_shapes_agree(view: OperatorView) -> str | None:
    """Each output must have the input's shape without the axis."""
    shape = view.input(0).shape
    expected = _without(shape, positive_axis(view.option("axis"), len(shape)))
    for out in view.outputs:
        if out.shape != expected:
            return f"{list(out.shape)}, not {list(expected)}"
    return None


def unpack_spans(view: OperatorView) -> tuple[Spans, ...]:
    """What each output takes (`UnpackImpl` of tensorflow/lite/micro/kernels/unpack.cc)."""
    shape = view.input(0).shape
    axis = positive_axis(view.option("axis"), len(shape))
    return tuple(_window_along(shape, axis, index, 1) for index in range(len(view.outputs)))


# ------------------------------------------------------------------------------------- lowerings


def lower_slice(view: OperatorView) -> Sequence[Kernel | Alias]:
    """A window."""
    return _windows(view, view.input(0), slice_spans(view))


def lower_split(view: OperatorView) -> Sequence[Kernel | Alias]:
    """A window for each output."""
    return _windows(view, split_input(view), split_spans(view))


def lower_unpack(view: OperatorView) -> Sequence[Kernel | Alias]:
    """A window for each output."""
    return _windows(view, view.input(0), unpack_spans(view))


def _windows(view: OperatorView, source: Tensor, spans: tuple[Spans, ...]) -> list[Kernel | Alias]:
    return [move_window(source, taken, out) for taken, out in zip(spans, view.outputs, strict=True)]


def _window_along(shape: tuple[int, ...], axis: int, begin: int, size: int) -> Spans:
    return tuple(
        Span(extent, begin, size) if position == axis else Span.all_of(extent)
        for position, extent in enumerate(shape)
    )


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], *shape[axis + 1 :])


_SPLIT = (
    values_can_be_moved,
    split_types_agree,
    split_axis_is_constant,
    parts_fill_the_input,
)

OPERATORS = {
    "SLICE": Support((*MOVE, slice_bounds_are_constant, slice_is_inside), lower_slice),
    "SPLIT": Support((*_SPLIT, parts_are_equal), lower_split),
    "SPLIT_V": Support(_SPLIT, lower_split),
    "UNPACK": Support((*MOVE, unpacked_axis_exists, unpacked_shapes_agree), lower_unpack),
}

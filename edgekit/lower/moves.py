"""What operators that only move values have in common: their rules, and the cheapest way to move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.artifacts import DType
from edgekit.compute.movement import RowCopy, Span, collapse, copy, window
from edgekit.lower.kernel import Alias, Kernel, KernelBuilder, StateRef, Template
from edgekit.lower.rules import found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.artifacts import Tensor
    from edgekit.lower.view import OperatorView

_MOVABLE = (DType.INT8, DType.UINT8, DType.INT16, DType.INT32, DType.INT64, DType.FLOAT32)


# --------------------------------------------------------------------------------------- rules


def values_can_be_moved(view: OperatorView) -> str | None:
    """The values must be int8, uint8, int16, int32, int64 or float32."""
    tensor = view.output
    return found(tensor.dtype not in _MOVABLE, f"{tensor.name!r} is {tensor.dtype}")


def types_agree(view: OperatorView) -> str | None:
    """The first input and all outputs must have the same type."""
    return differing_type(view.input(0), view)


def sizes_agree(view: OperatorView) -> str | None:
    """Input and output must have the same number of elements."""
    data, out = view.input(0), view.output
    return found(data.elements != out.elements, f"{list(data.shape)} and {list(out.shape)}")


def differing_type(data: Tensor, view: OperatorView) -> str | None:
    """Which output has another type than `data`."""
    for out in view.outputs:
        if out.dtype is not data.dtype:
            return f"{data.name!r} is {data.dtype}, and {out.name!r} is {out.dtype}"
    return None


def constant_integers(
    tensor: Tensor | None, *, axes: int | None = None, or_int64: bool = False
) -> str | None:
    """What keeps `tensor` from being constant int32 (or int64), with `axes` axes if given."""
    if tensor is None:
        return "it is absent"
    if tensor.data is None:
        return f"{tensor.name!r} is computed by the network"
    if tensor.dtype not in ((DType.INT32, DType.INT64) if or_int64 else (DType.INT32,)):
        return f"{tensor.name!r} is {tensor.dtype}"
    if axes is not None and len(tensor.shape) != axes:
        return f"{tensor.name!r} has shape {list(tensor.shape)}"
    return None


MOVE = (values_can_be_moved, types_agree)


# ------------------------------------------------------------------------------------- lowering


def integers(tensor: Tensor) -> list[int]:
    """The values of a constant that `constant_integers` accepted."""
    assert tensor.data is not None, tensor.name
    return [int(value) for value in tensor.data.reshape(-1)]


def positive_axis(axis: int, rank: int) -> int:
    """A possibly negative axis counted from the front."""
    return axis + rank if axis < 0 else axis


def move_all(source: Tensor, output: Tensor) -> Kernel | Alias:
    """`output` is `source` under another shape: the same memory, or a copy of a constant."""
    return move_window(source, [Span.all_of(source.elements)], output)


def move_window(source: Tensor, spans: Sequence[Span], output: Tensor) -> Kernel | Alias:
    """`output` is a window on `source`: the same memory where its elements lie side by side."""
    spans = collapse(spans)
    if len(spans) == 1 and spans[0].stride == 1 and source.data is None:
        return Alias(output.index, source.index, spans[0].begin * source.dtype.itemsize)
    kernel = KernelBuilder()
    x = kernel.read(source, tuple(span.extent for span in spans))
    load = RowCopy.of(spans, source.dtype.itemsize)
    return kernel.finish(window(x, spans), output, Template.ELEMENTWISE, workload=load)


def copy_all(source: Tensor, output: Tensor | StateRef) -> Kernel:
    """The same values in memory of their own."""
    kernel = KernelBuilder()
    x = kernel.read(source, (source.elements,))
    return kernel.finish(copy(x), output, Template.ELEMENTWISE, workload=RowCopy(1, source.size_bytes))

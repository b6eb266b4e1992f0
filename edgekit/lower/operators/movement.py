"""GATHER and TRANSPOSE."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tvm import te

from edgekit.artifacts import DType
from edgekit.compute.movement import collapse_permutation, permute
from edgekit.lower.kernel import Alias, Kernel, KernelBuilder, Template
from edgekit.lower.moves import MOVE, constant_integers, integers, move_all, positive_axis
from edgekit.lower.rules import Support, found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.lower.view import OperatorView


# --------------------------------------------------------------------------------------- GATHER


def indices_are_int32(view: OperatorView) -> str | None:
    """Indices must be int32."""
    return found(view.input(1).dtype is not DType.INT32, f"{view.input(1).name!r} is {view.input(1).dtype}")


def gathered_axis_exists(view: OperatorView) -> str | None:
    """The axis must exist, and not come before the batch dimensions, which both inputs must share."""
    data, indices = view.input(0).shape, view.input(1).shape
    axis, batches = _gathered_axis(view), _batches(view)
    fits = (
        0 <= batches <= min(axis, len(indices)) and axis < len(data) and data[:batches] == indices[:batches]
    )
    return found(not fits, f"axis {axis}, {batches} batch dimensions, {list(data)} at {list(indices)}")


def gathered_shape_agrees(view: OperatorView) -> str | None:
    """The output must have the input's shape with the axis replaced by the indices' shape."""
    data, indices = view.input(0).shape, view.input(1).shape
    axis, batches = _gathered_axis(view), _batches(view)
    expected = (*data[:axis], *indices[batches:], *data[axis + 1 :])
    return found(view.output.shape != expected, f"{list(view.output.shape)}, not {list(expected)}")


def constant_indices_exist(view: OperatorView) -> str | None:
    """Constant indices must lie inside the axis."""
    indices, extent = view.input(1).data, view.input(0).shape[_gathered_axis(view)]
    if indices is None:
        return None
    return found(
        bool((indices < 0).any() or (indices >= extent).any()),
        f"indices from {indices.min()} to {indices.max()} of {extent}",
    )


def lower_gather(view: OperatorView) -> Sequence[Kernel]:
    """Whole rows by their index. A computed index outside the axis is taken to the nearest inside it.

    Source: `Gather` of tensorflow/lite/micro/kernels/gather.cc, where such an index is undefined.
    """
    data, indices = view.input(0), view.input(1)
    batch, outer, extent, inner = gathered_blocks(view)
    count = indices.elements // batch
    kernel = KernelBuilder()
    x = kernel.read(data, (batch, outer, extent, inner))
    where = kernel.read(indices, (batch, count))

    def element(b: Any, o: Any, position: Any, i: Any) -> Any:
        index = where[b, position]
        if indices.data is None:
            index = te.max(te.min(index, extent - 1), 0)
        return x[b, o, index, i]

    result = te.compute((batch, outer, count, inner), element, name="gathered")
    return [kernel.finish(result, view.output, Template.ELEMENTWISE)]


def gathered_blocks(view: OperatorView) -> tuple[int, int, int, int]:
    """The input's sizes as batches, axes before the gathered one, that one, and axes after it."""
    shape, axis, batches = view.input(0).shape, _gathered_axis(view), _batches(view)
    return (
        math.prod(shape[:batches]),
        math.prod(shape[batches:axis]),
        shape[axis],
        math.prod(shape[axis + 1 :]),
    )


def _gathered_axis(view: OperatorView) -> int:
    return positive_axis(view.option("axis"), len(view.input(0).shape))


def _batches(view: OperatorView) -> int:
    return positive_axis(view.option("batch_dims"), len(view.input(1).shape))


# ------------------------------------------------------------------------------------ TRANSPOSE


def order_is_a_permutation(view: OperatorView) -> str | None:
    """The order of the axes must be constant int32, and name each axis once."""
    order, rank = view.input(1), len(view.input(0).shape)
    problem = constant_integers(order, axes=1)
    return problem or found(
        sorted(integers(order)) != list(range(rank)), f"{integers(order)} for {rank} axes"
    )


def transposed_shape_agrees(view: OperatorView) -> str | None:
    """The output must have the input's sizes in that order."""
    expected = tuple(view.input(0).shape[axis] for axis in integers(view.input(1)))
    return found(view.output.shape != expected, f"{list(view.output.shape)}, not {list(expected)}")


def lower_transpose(view: OperatorView) -> Sequence[Kernel | Alias]:
    """A copy in another order, or nothing where only axes of size 1 move.

    Source: `Transpose` of tensorflow/lite/kernels/internal/reference/transpose.h.
    """
    data = view.input(0)
    shape, order = collapse_permutation(data.shape, integers(view.input(1)))
    if len(order) <= 1:
        return [move_all(data, view.output)]
    kernel = KernelBuilder()
    return [kernel.finish(permute(kernel.read(data, shape), order), view.output, Template.ELEMENTWISE)]


OPERATORS = {
    "GATHER": Support(
        (*MOVE, indices_are_int32, gathered_axis_exists, gathered_shape_agrees, constant_indices_exist),
        lower_gather,
    ),
    "TRANSPOSE": Support((*MOVE, order_is_a_permutation, transposed_shape_agrees), lower_transpose),
}

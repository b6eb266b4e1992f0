"""CONCATENATION and PACK: several tensors next to each other in one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgekit.artifacts import DType
from edgekit.compute.movement import join
from edgekit.lower.kernel import Kernel, KernelBuilder, Template
from edgekit.lower.moves import MOVE, positive_axis
from edgekit.lower.rules import Support, found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.lower.view import OperatorView


# --------------------------------------------------------------------------------------- rules


def all_inputs_have_one_type(view: OperatorView) -> str | None:
    """All inputs must be there, and have the same type."""
    for position, tensor in enumerate(view.inputs):
        if tensor is None:
            return f"input {position} is absent"
        if tensor.dtype is not view.output.dtype:
            return f"{tensor.name!r} is {tensor.dtype}, and {view.output.name!r} is {view.output.dtype}"
    return None


def inputs_are_scaled_alike(view: OperatorView) -> str | None:
    """int8 inputs must have the output's scale and zero point."""
    out = view.output
    if out.dtype is not DType.INT8:
        return None
    for tensor in view.inputs:
        if tensor is not None and tensor.quantization != out.quantization:
            return f"{tensor.name!r} has {tensor.quantization}, and {out.name!r} {out.quantization}"
    return None


def has_no_activation(view: OperatorView) -> str | None:
    """There must be no fused activation."""
    activation = view.option("fused_activation_function")
    return found(activation != "NONE", f"{activation}")


def joined_axis_exists(view: OperatorView) -> str | None:
    """The output must have the axis."""
    axis, rank = view.option("axis"), len(view.output.shape)
    return found(not -rank <= axis < rank, f"axis {axis} of {list(view.output.shape)}")


def joined_shapes_agree(view: OperatorView) -> str | None:
    """The inputs, put together along the axis, must have the output's shape."""
    out, axis = view.output.shape, _axis(view)
    total = 0
    for tensor in view.inputs:
        shape = () if tensor is None else tensor.shape
        if len(shape) != len(out) or any(
            n != m for i, (n, m) in enumerate(zip(shape, out, strict=True)) if i != axis
        ):
            return f"{list(shape)} in {list(out)} along axis {axis}"
        total += shape[axis]
    return found(total != out[axis], f"{total} of {out[axis]} along axis {axis}")


def packed_shapes_agree(view: OperatorView) -> str | None:
    """Each input must have the output's shape without the axis, which has one index for each input."""
    out, axis = view.output.shape, _axis(view)
    if out[axis] != len(view.inputs):
        return f"{len(view.inputs)} inputs for {out[axis]} along axis {axis}"
    for tensor in view.inputs:
        if tensor is None or tensor.shape != (*out[:axis], *out[axis + 1 :]):
            return f"{tensor and list(tensor.shape)} in {list(out)} along axis {axis}"
    return None


# ------------------------------------------------------------------------------------- lowering


def lower_join(view: OperatorView) -> Sequence[Kernel]:
    """One kernel that writes all inputs, each as rows of the output's rows.

    Where there is one row only, a pass lets the inputs' kernels write there themselves.
    Source: `Concatenation` of tensorflow/lite/kernels/internal/reference/concatenation.h, and
    `PackImpl` of tensorflow/lite/micro/kernels/pack.cc.
    """
    kernel = KernelBuilder()
    rows = joined_rows(view)
    parts = [kernel.read(t, (rows, t.elements // rows)) for t in view.inputs if t is not None]
    return [kernel.finish(join(parts), view.output, Template.ELEMENTWISE)]


def joined_rows(view: OperatorView) -> int:
    """How many times the inputs take turns in the output's memory."""
    return math.prod(view.output.shape[: _axis(view)])


def _axis(view: OperatorView) -> int:
    return positive_axis(view.option("axis"), len(view.output.shape))


_JOIN = (*MOVE, all_inputs_have_one_type)

OPERATORS = {
    "CONCATENATION": Support(
        (*_JOIN, inputs_are_scaled_alike, has_no_activation, joined_axis_exists, joined_shapes_agree),
        lower_join,
    ),
    "PACK": Support((*_JOIN, joined_axis_exists, packed_shapes_agree), lower_join),
}

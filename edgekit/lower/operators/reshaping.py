"""RESHAPE, SQUEEZE and EXPAND_DIMS, which cost nothing, and SHAPE, which is a constant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.artifacts import DType
from edgekit.compute.movement import copy
from edgekit.lower.kernel import Alias, Kernel, KernelBuilder, Template
from edgekit.lower.moves import MOVE, constant_integers, integers, move_all, sizes_agree
from edgekit.lower.rules import Support, found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.lower.view import OperatorView


# --------------------------------------------------------------------------------------- rules


def squeezed_axes_have_one_index(view: OperatorView) -> str | None:
    """Squeezed axes must exist and have size 1, and the output must keep the others."""
    data, out = view.input(0).shape, view.output.shape
    axes = {axis + len(data) if axis < 0 else axis for axis in view.option("squeeze_dims")}
    axes = axes or {axis for axis, extent in enumerate(data) if extent == 1}
    if any(not 0 <= axis < len(data) or data[axis] != 1 for axis in axes):
        return f"axes {sorted(axes)} of {list(data)}"
    kept = tuple(extent for axis, extent in enumerate(data) if axis not in axes)
    return found(kept != out, f"{list(data)} without axes {sorted(axes)} is not {list(out)}")


def expanded_axis_is_constant(view: OperatorView) -> str | None:
    """The new axis must be one constant int32."""
    axis = view.input(1)
    return constant_integers(axis) or found(axis.elements != 1, f"{axis.elements} values")


def expanded_axis_fits(view: OperatorView) -> str | None:
    """The output must have the input's shape with one more axis of size 1 at the position given."""
    data, out = view.input(0).shape, view.output.shape
    axis = integers(view.input(1))[0]
    position = axis + len(data) + 1 if axis < 0 else axis
    fits = 0 <= position <= len(data) and out == (*data[:position], 1, *data[position:])
    return found(not fits, f"axis {axis} added to {list(data)} is not {list(out)}")


def shape_has_one_value_per_axis(view: OperatorView) -> str | None:
    """The output must be int32 or int64, with one element for each axis of the input."""
    out = view.output
    if out.dtype not in (DType.INT32, DType.INT64):
        return f"{out.name!r} is {out.dtype}"
    return found(out.shape != (len(view.input(0).shape),), f"{out.name!r} has shape {list(out.shape)}")


# ------------------------------------------------------------------------------------- lowerings


def lower_same_bytes(view: OperatorView) -> Sequence[Kernel | Alias]:
    """The same memory under another shape.

    Source: `EvalReshapeReference`, `SqueezeEval` and `ExpandDimsEval` of tensorflow/lite/micro/kernels:
    all copy the bytes, and take the output's shape from the model, not from RESHAPE's second input.
    """
    return [move_all(view.input(0), view.output)]


def shape_values(view: OperatorView) -> NDArray[np.integer]:
    """What SHAPE gives (`ShapeEval` of tensorflow/lite/micro/kernels/shape.cc)."""
    return np.array(view.input(0).shape, str(view.output.dtype))


def lower_shape(view: OperatorView) -> Sequence[Kernel | Alias]:
    """The input's sizes, copied from a constant. (Where anything reads them, they are folded before.)"""
    kernel = KernelBuilder()
    values = kernel.constant(shape_values(view), "sizes")
    return [kernel.finish(copy(values), view.output, Template.ELEMENTWISE)]


OPERATORS = {
    "RESHAPE": Support((*MOVE, sizes_agree), lower_same_bytes),
    "SQUEEZE": Support((*MOVE, squeezed_axes_have_one_index), lower_same_bytes),
    "EXPAND_DIMS": Support((*MOVE, expanded_axis_is_constant, expanded_axis_fits), lower_same_bytes),
    "SHAPE": Support((shape_has_one_value_per_axis,), lower_shape),
}

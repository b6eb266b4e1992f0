"""BATCH_MATMUL."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te

from edgekit.artifacts import DType
from edgekit.compute.fixed_point import clamp, int32, scale_by
from edgekit.lower.convolved import convolution_kernel, dense, factors_problem, fold, product_factor
from edgekit.lower.kernel import KernelBuilder, Template
from edgekit.lower.rules import INT8_TO_INT8, Support, found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.artifacts import Tensor
    from edgekit.lower.kernel import Kernel
    from edgekit.lower.view import OperatorView

_RANKS = range(2, 6)


# --------------------------------------------------------------------------------------- rules


def both_factors_are_int8(view: OperatorView) -> str | None:
    """Both factors must be int8 with one scale each."""
    for tensor in (view.input(0), view.input(1)):
        if tensor.dtype is not DType.INT8:
            return f"{tensor.name!r} is {tensor.dtype}"
        if tensor.quantization is None or tensor.quantization.is_per_channel:
            return f"{tensor.name!r} has no single scale"
    return None


def matrices_fit(view: OperatorView) -> str | None:
    """Factors must have 2 to 5 dimensions, equal inner sizes, and batches that are equal or 1."""
    left, right = view.input(0).shape, view.input(1).shape
    if len(left) not in _RANKS or len(right) not in _RANKS:
        return f"shapes {list(left)} and {list(right)}"
    (_, depth), (other_depth, _) = _matrix_shapes(view)
    batches = zip(reversed(left[:-2]), reversed(right[:-2]), strict=False)
    fits = depth == other_depth and all(a == b or 1 in (a, b) for a, b in batches)
    shown = f"{list(left)} and {list(right)}, adj_x {view.option('adj_x')}, adj_y {view.option('adj_y')}"
    return found(not fits, f"shapes {shown}")


def product_shape_follows(view: OperatorView) -> str | None:
    """The output's shape must be the batches', then rows of the first and columns of the second factor."""
    (rows, _), (_, columns) = _matrix_shapes(view)
    batches = np.broadcast_shapes(view.input(0).shape[:-2], view.input(1).shape[:-2])
    expected = (*batches, rows, columns)
    return found(view.output.shape != expected, f"{list(view.output.shape)}, not {list(expected)}")


def scales_are_in_proportion(view: OperatorView) -> str | None:
    """The product of the factors' scales must be less than 2**30 times the output's scale."""
    return factors_problem((product_factor(view.input(0), view.input(1), view.output),))


# ------------------------------------------------------------------------------------- lowering


def lower_batch_matmul(view: OperatorView) -> Sequence[Kernel]:
    """Products of matrices, requantized.

    Source: tensorflow/lite/micro/kernels/batch_matmul.cc, and `BatchMatMul` of
    tensorflow/lite/kernels/internal/reference/batch_matmul.h.
    """
    return [_dense_kernel(view) if _is_dense(view) else _general_kernel(view)]


def _is_dense(view: OperatorView) -> bool:
    """Whether it is a layer of one constant, symmetric weight matrix."""
    right = view.input(1)
    one_matrix = math.prod(right.shape[:-2]) == 1
    return right.data is not None and one_matrix and right.zero_point == 0 and not view.option("adj_x")


def _dense_kernel(view: OperatorView) -> Kernel:
    data, right, out = view.input(0), view.input(1), view.output
    assert right.data is not None, view.where
    matrix = right.data.reshape(right.shape[-2:])
    weights = matrix if view.option("adj_y") else matrix.T
    outputs, inputs = weights.shape
    weights = np.ascontiguousarray(weights).reshape(outputs, 1, 1, inputs)
    bias, requantization = fold(weights, data, out, (product_factor(data, right, out),) * outputs)
    load = dense(out.elements // outputs, inputs, outputs, data, requantization)
    return convolution_kernel(load, data, weights, bias, out)


def _general_kernel(view: OperatorView) -> Kernel:
    left, right, out = view.input(0), view.input(1), view.output
    (_, depth), _ = _matrix_shapes(view)
    kernel, shape = KernelBuilder(), out.shape
    x, y = kernel.read(left), kernel.read(right)
    step = te.reduce_axis((0, depth), "k")

    def product(*place: Any) -> Any:
        *batch, row, column = place
        left_cell = (step, row) if view.option("adj_x") else (row, step)
        right_cell = (column, step) if view.option("adj_y") else (step, column)
        a = x[(*_broadcast(batch, left.shape[:-2]), *left_cell)].astype("int32")
        b = y[(*_broadcast(batch, right.shape[:-2]), *right_cell)].astype("int32")
        return te.sum((a - int32(left.zero_point)) * (b - int32(right.zero_point)), axis=step)

    acc = te.compute(shape, product, name="acc")
    factor = product_factor(left, right, out)
    bound = min(depth * _reach(left) * _reach(right), (1 << 31) - 1)

    def scaled(*place: Any) -> Any:
        value = scale_by(acc[place], factor, bound=bound) + int32(out.zero_point)
        return clamp(value, -128, 127).astype("int8")

    result = te.compute(shape, scaled, name="out")
    return kernel.finish(result, out, Template.REDUCTION, macs=out.elements * depth)


def _broadcast(place: Sequence[Any], shape: tuple[int, ...]) -> list[Any]:
    """The place in a factor's batch axes that goes with a place in the output's."""
    inner = place[len(place) - len(shape) :]
    return [index if size > 1 else 0 for index, size in zip(inner, shape, strict=True)]


def _matrix_shapes(view: OperatorView) -> tuple[tuple[int, int], tuple[int, int]]:
    """(rows, inner size) of the first factor and (inner size, columns) of the second."""
    a, b = view.input(0).shape[-2:], view.input(1).shape[-2:]
    left = (a[1], a[0]) if view.option("adj_x") else (a[0], a[1])
    right = (b[1], b[0]) if view.option("adj_y") else (b[0], b[1])
    return left, right


def _reach(tensor: Tensor) -> int:
    """The largest absolute difference from the zero point."""
    return max(127 - tensor.zero_point, 128 + tensor.zero_point)


OPERATORS = {
    "BATCH_MATMUL": Support(
        (
            *INT8_TO_INT8,
            both_factors_are_int8,
            matrices_fit,
            product_shape_follows,
            scales_are_in_proportion,
        ),
        lower_batch_matmul,
    ),
}

"""ADD, SUB, MUL, MAXIMUM, MINIMUM and PRELU: two operands, either of which may be broadcast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te

from edgekit.artifacts import DType
from edgekit.compute.arithmetic import (
    LARGEST_PRODUCT,
    SUM_SHIFT,
    Output,
    ScaledPrelu,
    ScaledProduct,
    ScaledSum,
    fits_left_shift,
)
from edgekit.compute.broadcast import broadcast, elementwise
from edgekit.compute.fixed_point import Multiplier
from edgekit.lower.kernel import Kernel, KernelBuilder, Template
from edgekit.lower.quantization import activation_range
from edgekit.lower.rules import Support, found, fused_activation_is_a_clamp, operands_are_per_tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgekit.lower.rules import Rule
    from edgekit.lower.view import OperatorView

# --------------------------------------------------------------------------------------- rules


def operands_have_one_type(view: OperatorView) -> str | None:
    """Both inputs and the output must be int8, or all three int32."""
    types = [tensor.dtype for tensor in (view.input(0), view.input(1), view.output)]
    return found(len(set(types)) != 1 or types[0] not in (DType.INT8, DType.INT32), ", ".join(types))


def operands_are_int8(view: OperatorView) -> str | None:
    """Both inputs and the output must be int8."""
    types = [tensor.dtype for tensor in (view.input(0), view.input(1), view.output)]
    return found(set(types) != {DType.INT8}, ", ".join(types))


def integers_are_plain(view: OperatorView) -> str | None:
    """int32 operands must have no scale and no fused activation."""
    if view.output.dtype is not DType.INT32:
        return None
    tensors = (view.input(0), view.input(1), view.output)
    scaled = [tensor.name for tensor in tensors if tensor.quantization is not None]
    if scaled:
        return f"{scaled[0]!r} has a scale"
    activation = view.operator.options.get("fused_activation_function", "NONE")
    return found(activation != "NONE", str(activation))


def shapes_broadcast(view: OperatorView) -> str | None:
    """The inputs' shapes must be equal or broadcast to the output's: axes equal from the last on, or 1."""
    first, second, out = view.input(0).shape, view.input(1).shape, view.output.shape
    fits = broadcast(first, second) is not None and np.broadcast_shapes(first, second) == out
    return found(not fits, f"{list(first)} and {list(second)} to {list(out)}")


def sum_is_scalable(view: OperatorView) -> str | None:
    """The output's scale must be more than 2^-19 of the larger input's scale."""
    if view.output.dtype is not DType.INT8:
        return None
    fits = all(0 < real < 1 for real in _sum_factors(view))
    return found(not fits, f"{view.input(0).scale}, {view.input(1).scale} and {view.output.scale}")


def product_is_scalable(view: OperatorView) -> str | None:
    """The product of the inputs' scales must be less than 2^15 times the output's scale."""
    if view.output.dtype is not DType.INT8:
        return None
    fits = fits_left_shift(Multiplier.of(_product_factor(view)), LARGEST_PRODUCT)
    return found(not fits, f"{view.input(0).scale}, {view.input(1).scale} and {view.output.scale}")


def input_is_scalable(view: OperatorView) -> str | None:
    """The input's scale must be less than 2^23 times the output's."""
    fits = fits_left_shift(Multiplier.of(view.input(0).scale / view.output.scale), 255)
    return found(not fits, f"{view.input(0).scale} and {view.output.scale}")


# ------------------------------------------------------------------------------------- lowerings


def lower_add(view: OperatorView) -> Sequence[Kernel]:
    """a + b (`CalculateOpDataAdd` of add_common.cc, `AddFunc` of integer_ops/add.h; int32 wraps)."""
    if view.output.dtype is DType.INT32:
        return _binary(view, lambda a, b: _wrapped(_wide(a) + _wide(b)))
    return _binary(view, _scaled_sum(view))


def lower_sub(view: OperatorView) -> Sequence[Kernel]:
    """a - b (`CalculateOpDataSub` of sub_common.cc, `SubElementwise` of sub.h; int32 wraps)."""
    if view.output.dtype is DType.INT32:
        return _binary(view, lambda a, b: _wrapped(_wide(a) - _wide(b)))
    return _binary(view, _scaled_sum(view))


def lower_mul(view: OperatorView) -> Sequence[Kernel]:
    """a * b (`CalculateOpDataMul` of mul_common.cc, `MulElementwise` of integer_ops/mul.h; int32 wraps)."""
    if view.output.dtype is DType.INT32:
        return _binary(view, lambda a, b: _wrapped(_wide(a) * _wide(b)))
    function = ScaledProduct(
        zero_points=_zero_points(view), factor=Multiplier.of(_product_factor(view)), output=_output(view)
    )
    return _binary(view, function)


def lower_maximum(view: OperatorView) -> Sequence[Kernel]:
    """The larger stored integer: scales play no part (`MaximumOp` of maximum_minimum.h)."""
    return _binary(view, te.max)


def lower_minimum(view: OperatorView) -> Sequence[Kernel]:
    """The smaller stored integer: scales play no part (`MinimumOp` of maximum_minimum.h)."""
    return _binary(view, te.min)


def lower_prelu(view: OperatorView) -> Sequence[Kernel]:
    """x, or x * alpha below zero (`CalculatePreluParams` of prelu_common.cc, `Prelu` of prelu.h)."""
    function = ScaledPrelu(
        zero_points=_zero_points(view),
        positive=Multiplier.of(view.input(0).scale / view.output.scale),
        negative=Multiplier.of(_product_factor(view)),
        output=Output(zero_point=view.output.zero_point),
    )
    return _binary(view, function)


def _binary(view: OperatorView, function: Callable[[Any, Any], Any]) -> list[Kernel]:
    first, second, out = view.input(0), view.input(1), view.output
    shapes = broadcast(first.shape, second.shape)
    assert shapes is not None
    kernel = KernelBuilder()
    a, b = kernel.read(first, shapes.first), kernel.read(second, shapes.second)
    in_place = tuple(
        position
        for position, operand in enumerate((first, second))
        if operand.data is None and operand.elements == out.elements
    )
    same_shape = isinstance(function, ScaledSum) and shapes.first == shapes.second
    return [
        kernel.finish(
            elementwise(a, b, function),
            out,
            Template.ELEMENTWISE,
            in_place=in_place,
            workload=function if same_shape else None,
        )
    ]


def _scaled_sum(view: OperatorView) -> ScaledSum:
    first, second, result = (Multiplier.of(real) for real in _sum_factors(view))
    return ScaledSum(
        zero_points=_zero_points(view),
        factors=(first, second),
        is_difference=view.operator.kind == "SUB",
        factor=result,
        output=_output(view),
    )


def _sum_factors(view: OperatorView) -> tuple[float, float, float]:
    """Real factors of both inputs and of the output, in double.

    TFLite Micro had SUB's in float32 until 2026; the interpreter that is the oracle has them in double.
    """
    first, second, out = view.input(0).scale, view.input(1).scale, view.output.scale
    twice_largest = 2 * max(first, second)
    return first / twice_largest, second / twice_largest, twice_largest / ((1 << SUM_SHIFT) * out)


def _product_factor(view: OperatorView) -> float:
    return view.input(0).scale * view.input(1).scale / view.output.scale


def _zero_points(view: OperatorView) -> tuple[int, int]:
    return view.input(0).zero_point, view.input(1).zero_point


def _output(view: OperatorView) -> Output:
    low, high = activation_range(view.option("fused_activation_function"), view.output)
    return Output(zero_point=view.output.zero_point, low=low, high=high)


def _wide(value: Any) -> Any:
    return value.astype("int64")


def _wrapped(value: Any) -> Any:
    return value.astype("int32")


_OPERANDS: tuple[Rule, ...] = (
    operands_have_one_type,
    operands_are_per_tensor,
    integers_are_plain,
    shapes_broadcast,
)
_SUM = (*_OPERANDS, fused_activation_is_a_clamp, sum_is_scalable)

OPERATORS = {
    "ADD": Support(_SUM, lower_add),
    "SUB": Support(_SUM, lower_sub),
    "MUL": Support((*_OPERANDS, fused_activation_is_a_clamp, product_is_scalable), lower_mul),
    "MAXIMUM": Support((operands_have_one_type, shapes_broadcast), lower_maximum),
    "MINIMUM": Support((operands_have_one_type, shapes_broadcast), lower_minimum),
    "PRELU": Support(
        (
            operands_are_int8,
            operands_are_per_tensor,
            shapes_broadcast,
            input_is_scalable,
            product_is_scalable,
        ),
        lower_prelu,
    ),
}

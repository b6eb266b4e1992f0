"""SVDF: a layer that keeps the last values of rank-1 filters as its state, and weighs them over time.

A step is four kernels: the newest value of every filter, the state moved on by one with it (in memory of
its own, since a kernel may not read and write one buffer at different places), the state itself, and the
output. Source: `PrepareSvdf` and `EvalIntegerSvdfReference` of tensorflow/lite/micro/kernels/svdf_common.cc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te, tirx

from edgekit.artifacts import DType
from edgekit.compute.convolution import fold_zero_point
from edgekit.compute.fixed_point import Multiplier, clamp, int32, scale_by
from edgekit.lower.convolved import bias_problem, factors_problem, product_factor
from edgekit.lower.kernel import KernelBuilder, Scratch, StateRef, Template
from edgekit.lower.quantization import activation_range
from edgekit.lower.rules import INT8_TO_INT8, Support, found, fused_activation_is_a_clamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.lower.kernel import Kernel
    from edgekit.lower.view import OperatorView

_FEATURE, _TIME, _BIAS, _STATE = 1, 2, 3, 4  # inputs; 0 is the data


# --------------------------------------------------------------------------------------- rules


def state_is_a_variable_tensor(view: OperatorView) -> str | None:
    """The state must be a variable tensor of int8 or int16, and neither enter nor leave the network."""
    state = view.optional_input(_STATE)
    if state is None:
        return "it has none"
    known = any(variable.name == state.variable_name for variable in view.graph.variables)
    if not known or state.index in (*view.graph.inputs, *view.graph.outputs):
        return f"{state.name!r} is no variable of the network's own"
    return found(state.dtype not in (DType.INT8, DType.INT16), f"{state.name!r} is {state.dtype}")


def filters_are_constant(view: OperatorView) -> str | None:
    """Feature weights must be constant int8, time weights constants of the state's type."""
    types = ((view.input(_FEATURE), DType.INT8), (view.input(_TIME), view.input(_STATE).dtype))
    for tensor, dtype in types:
        if tensor.dtype is not dtype:
            return f"{tensor.name!r} is {tensor.dtype}"
        if tensor.data is None:
            return f"{tensor.name!r} is computed by the network"
    return None


def filters_are_symmetric(view: OperatorView) -> str | None:
    """Weights and state must have one scale each, and the weights a zero point of 0."""
    for position in (_FEATURE, _TIME, _STATE):
        tensor = view.input(position)
        if tensor.quantization is None or tensor.quantization.is_per_channel:
            return f"{tensor.name!r} has no single scale"
        if position != _STATE and tensor.zero_point:
            return f"{tensor.name!r} has the zero point {tensor.zero_point}"
    return None


def svdf_shapes_agree(view: OperatorView) -> str | None:
    """With filters = units x rank, shapes must be: input [batch, in], feature weights [filters, in],
    time weights [filters, memory], state [batch, filters x memory], output [batch, units].
    """
    shapes = [view.input(position).shape for position in (0, _FEATURE, _TIME, _STATE)]
    shapes.append(view.output.shape)
    rank = view.option("rank")
    shown = f"rank {rank} and shapes {', '.join(str(list(shape)) for shape in shapes)}"
    if rank < 1 or any(len(shape) != 2 for shape in shapes):
        return shown
    (batch, size), (filters, depth), (timed, memory), state, out = shapes
    fits = filters % rank == 0 and (depth, timed) == (size, filters)
    fits = fits and state == (batch, memory * filters) and out == (batch, filters // rank)
    return found(not fits, shown)


def svdf_bias_is_constant_int32(view: OperatorView) -> str | None:
    """The bias, if there is one, must be constant int32 with one value per unit."""
    return bias_problem(view.optional_input(_BIAS), view.output.shape[1])


def activation_changes_nothing(view: OperatorView) -> str | None:
    """A fused activation must be NONE, or a bound that all int8 outputs keep: the reference applies none."""
    bounds = activation_range(view.option("fused_activation_function"), view.output)
    return found(bounds != (-128, 127), f"outputs bounded to {bounds[0]} .. {bounds[1]}")


def scales_are_in_proportion(view: OperatorView) -> str | None:
    """Input x feature scale must be less than 2**30 times the state's; so must state x time scale and the
    output's.
    """
    return factors_problem((_state_factor(view), _output_factor(view)))


# ------------------------------------------------------------------------------------- lowering


def lower_svdf(view: OperatorView) -> Sequence[Kernel]:
    """One step: newest features, the state moved on, the state kept, the output."""
    state, features = view.input(_STATE), view.input(_FEATURE)
    batch, filters = view.input(0).shape[0], features.shape[0]
    newest = Scratch("newest", (batch, filters), state.dtype)
    advanced = Scratch("advanced", (batch, filters, view.input(_TIME).shape[1]), state.dtype)
    return [
        _compute_newest(view, newest),
        _advance(view, newest, advanced),
        _keep(view, advanced),
        _weigh(view, advanced),
    ]


def _compute_newest(view: OperatorView, newest: Scratch) -> Kernel:
    """[batch, filter]: feature weights times input. The clamped value wraps when the zero point is added."""
    data, weights, state = view.input(0), view.input(_FEATURE), view.input(_STATE)
    assert weights.data is not None, view.where
    folded, bound = fold_zero_point(weights.data, None, data.zero_point, 0)
    kernel = KernelBuilder()
    x = kernel.read(data)
    by_filter = kernel.constant(weights.data.T, "weights")  # filters next to each other
    bias = kernel.constant(folded, "bias")
    step = te.reduce_axis((0, data.shape[1]), "k")
    acc = te.compute(
        newest.shape,
        lambda b, f: te.sum(x[b, step].astype("int32") * by_filter[step, f].astype("int32"), axis=step),
        name="acc",
    )
    biased = te.compute(newest.shape, lambda b, f: acc[b, f] + bias[f], name="biased")
    limits = np.iinfo(str(state.dtype))

    def feature(b: Any, f: Any) -> Any:
        value = scale_by(biased[b, f], _state_factor(view), bound=bound)
        return (clamp(value, limits.min, limits.max) + int32(state.zero_point)).astype(str(state.dtype))

    result = te.compute(newest.shape, feature, name="out")
    return kernel.finish(result, newest, Template.REDUCTION, macs=data.elements * newest.shape[1])


def _advance(view: OperatorView, newest: Scratch, advanced: Scratch) -> Kernel:
    """[batch, filter, memory]: each filter's values but the oldest, then the newest."""
    state, kernel, last = view.input(_STATE), KernelBuilder(), advanced.shape[2] - 1
    old = kernel.read_state(state.variable_name, advanced.shape, str(state.dtype))
    new = kernel.read_scratch(newest)
    result = te.compute(
        advanced.shape,
        lambda b, f, m: tirx.if_then_else(m < last, old[b, f, te.min(m + 1, int32(last))], new[b, f]),
        name="out",
    )
    return kernel.finish(result, advanced, Template.SERIAL)


def _keep(view: OperatorView, advanced: Scratch) -> Kernel:
    kernel = KernelBuilder()
    x = kernel.read_scratch(advanced)
    result = te.compute(advanced.shape, lambda *place: x[place], name="out")
    return kernel.finish(result, StateRef(view.input(_STATE).variable_name), Template.ELEMENTWISE)


def _weigh(view: OperatorView, advanced: Scratch) -> Kernel:
    """[batch, unit]: values times time weights over the filters of a unit and over time."""
    weights, bias, state, out = view.input(_TIME), view.optional_input(_BIAS), view.input(_STATE), view.output
    assert weights.data is not None, view.where
    units, rank, memory = out.shape[1], view.option("rank"), advanced.shape[2]
    by_unit = weights.data.reshape(units, rank * memory)
    values = None if bias is None or bias.data is None else bias.data.reshape(-1)
    folded, _ = fold_zero_point(by_unit, values, state.zero_point, 0)
    kernel = KernelBuilder()
    x, w = kernel.read_scratch(advanced), kernel.constant(by_unit, "weights")
    offset = kernel.constant(folded, "bias")
    r, m = te.reduce_axis((0, rank), "r"), te.reduce_axis((0, memory), "m")

    def product(b: Any, u: Any) -> Any:
        value = x[b, u * rank + r, m].astype("int32")
        return te.sum(value * w[u, r * memory + m].astype("int32"), axis=[r, m])

    acc = te.compute(out.shape, product, name="acc")
    biased = te.compute(out.shape, lambda b, u: acc[b, u] + offset[u], name="biased")

    def scaled(b: Any, u: Any) -> Any:
        value = scale_by(biased[b, u], _output_factor(view)) + int32(out.zero_point)
        return clamp(value, -128, 127).astype("int8")

    result = te.compute(out.shape, scaled, name="out")
    return kernel.finish(result, out, Template.REDUCTION, macs=out.elements * rank * memory)


def _state_factor(view: OperatorView) -> Multiplier:
    return product_factor(view.input(0), view.input(_FEATURE), view.input(_STATE))


def _output_factor(view: OperatorView) -> Multiplier:
    return product_factor(view.input(_STATE), view.input(_TIME), view.output)


OPERATORS = {
    "SVDF": Support(
        (
            *INT8_TO_INT8,
            state_is_a_variable_tensor,
            filters_are_constant,
            filters_are_symmetric,
            svdf_shapes_agree,
            svdf_bias_is_constant_int32,
            fused_activation_is_a_clamp,
            activation_changes_nothing,
            scales_are_in_proportion,
        ),
        lower_svdf,
    ),
}

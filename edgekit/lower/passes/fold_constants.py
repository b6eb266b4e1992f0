"""Compute at build time what depends on constants and shapes alone."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.artifacts import DType
from edgekit.compute.movement import take
from edgekit.lower.moves import integers
from edgekit.lower.operators import (
    SUPPORTED,
    joining,
    movement,
    padding,
    reshaping,
    slicing,
    strided_slice,
)
from edgekit.lower.rules import found
from edgekit.lower.view import OperatorView

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from edgekit.artifacts import Graph, Tensor
    from edgekit.lower.rules import Rule

# A larger constant than this is made only where its inputs are as large: it would cost more flash than code.
_MAX_GROWN_BYTES = 1 << 16


def fold_constants(graph: Graph) -> Graph:
    """Outputs of operators on constants become constants, in order, so that whole computations go.

    SHAPE needs no constant. Only operators whose rules hold are computed; the others stay, to be refused
    by name. Those that write an output of the network stay too: it needs memory.
    """
    kept = []
    for operator in graph.operators:
        view = OperatorView(operator, graph)
        if set(operator.outputs).isdisjoint(graph.outputs) and _can_be_folded(view):
            graph = _with_values(graph, view)
        else:
            kept.append(operator)
    return dataclasses.replace(graph, operators=tuple(kept))


def _can_be_folded(view: OperatorView) -> bool:
    kind = view.operator.kind
    if kind not in _FOLDERS:
        return False
    inputs = [tensor for tensor in view.inputs if tensor is not None]
    if kind != "SHAPE" and any(tensor.data is None for tensor in inputs):
        return False
    limit = max(_MAX_GROWN_BYTES, sum(tensor.size_bytes for tensor in inputs))
    if sum(tensor.size_bytes for tensor in view.outputs) > limit:
        return False
    rules = _RULES[kind] if kind in _RULES else SUPPORTED[kind].rules
    return all(rule(view) is None for rule in rules)


def _with_values(graph: Graph, view: OperatorView) -> Graph:
    tensors = list(graph.tensors)
    for tensor, values in zip(view.outputs, _FOLDERS[view.operator.kind](view), strict=True):
        array = np.array(values, str(tensor.dtype)).reshape(tensor.shape)
        array.flags.writeable = False
        tensors[tensor.index] = dataclasses.replace(tensor, data=array)
    return dataclasses.replace(graph, tensors=tuple(tensors))


def _data(tensor: Tensor | None) -> NDArray[Any]:
    assert tensor is not None
    assert tensor.data is not None, tensor.name
    return tensor.data


def _same(view: OperatorView) -> list[NDArray[Any]]:
    return [_data(view.input(0))]


def _windows(
    spans: Callable[[OperatorView], tuple[slicing.Spans, ...]],
) -> Callable[[OperatorView], list[NDArray[Any]]]:
    def values(view: OperatorView) -> list[NDArray[Any]]:
        source = slicing.split_input(view)
        return [take(_data(source), taken) for taken in spans(view)]

    return values


def _concatenation(view: OperatorView) -> list[NDArray[Any]]:
    return [np.concatenate([_data(tensor) for tensor in view.inputs], axis=view.option("axis"))]


def _pack(view: OperatorView) -> list[NDArray[Any]]:
    return [np.stack([_data(tensor) for tensor in view.inputs], axis=view.option("axis"))]


def _gather(view: OperatorView) -> list[NDArray[Any]]:
    batch, outer, extent, inner = movement.gathered_blocks(view)
    data = _data(view.input(0)).reshape(batch, outer, extent, inner)
    indices = _data(view.input(1)).reshape(batch, -1)
    return [np.stack([np.take(rows, where, axis=1) for rows, where in zip(data, indices, strict=True)])]


def _transpose(view: OperatorView) -> list[NDArray[Any]]:
    return [np.transpose(_data(view.input(0)), integers(view.input(1)))]


def _pad(view: OperatorView) -> list[NDArray[Any]]:
    value = padding.constant_padding_value(view)
    assert value is not None, view.where
    return [np.pad(_data(view.input(0)), padding.paddings_of(view), constant_values=value)]


def _arithmetic(function: Callable[[Any, Any], Any]) -> Callable[[OperatorView], list[NDArray[Any]]]:
    """Integers of a shape computation; they wrap as they do in the reference."""

    def values(view: OperatorView) -> list[NDArray[Any]]:
        first, second = (np.atleast_1d(_data(view.input(position))) for position in (0, 1))
        return [function(first, second)]

    return values


def _are_integers(view: OperatorView) -> str | None:
    """Operands and result are integers of one type."""
    types = {tensor.dtype for tensor in (view.input(0), view.input(1), view.output)}
    return found(len(types) > 1 or not types <= {DType.INT32, DType.INT64}, f"{sorted(types)}")


def _broadcast_to_the_output(view: OperatorView) -> str | None:
    """The output has the shape that the operands are broadcast to."""
    try:
        shape = np.broadcast_shapes(view.input(0).shape, view.input(1).shape)
    except ValueError as error:
        return str(error)
    return found(shape != view.output.shape, f"{shape}")


_INTEGERS = (_are_integers, _broadcast_to_the_output, joining.has_no_activation)

# What must hold where that is not what the kernels ask for: shapes are computed in plain integers.
_RULES: Mapping[str, tuple[Rule, ...]] = {"ADD": _INTEGERS, "MUL": _INTEGERS, "SUB": _INTEGERS}

_FOLDERS: Mapping[str, Callable[[OperatorView], Sequence[NDArray[Any]]]] = {
    "ADD": _arithmetic(np.add),
    "CONCATENATION": _concatenation,
    "EXPAND_DIMS": _same,
    "GATHER": _gather,
    "MUL": _arithmetic(np.multiply),
    "PACK": _pack,
    "PAD": _pad,
    "PADV2": _pad,
    "RESHAPE": _same,
    "SHAPE": lambda view: [reshaping.shape_values(view)],
    "SLICE": _windows(slicing.slice_spans),
    "SPLIT": _windows(slicing.split_spans),
    "SPLIT_V": _windows(slicing.split_spans),
    "SQUEEZE": _same,
    "STRIDED_SLICE": _windows(lambda view: (strided_slice.strided_spans(view),)),
    "SUB": _arithmetic(np.subtract),
    "TRANSPOSE": _transpose,
    "UNPACK": _windows(slicing.unpack_spans),
}

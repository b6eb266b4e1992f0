"""What a network costs, from its shapes alone: products, bytes of constants, bytes of activations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgekit.artifacts import DType

if TYPE_CHECKING:
    from edgekit.artifacts import Graph, Operator
    from edgekit.ingest.parsed import ParsedOperator, ParsedSubgraph, ParsedTensor

# Operators whose output is their input's bytes in another shape: they need no memory of their own.
_ALIASES = frozenset({"EXPAND_DIMS", "RESHAPE", "SQUEEZE"})


def tensor_bytes(tensor: ParsedTensor) -> int:
    """Bytes a tensor takes; 0 for a handle and for types of no fixed or known size."""
    if any(size < 0 for size in tensor.shape) or tensor.dtype not in DType.__members__:
        return 0
    return tensor.elements * DType[tensor.dtype].itemsize


def macs(graph: ParsedSubgraph | Graph, operator: ParsedOperator | Operator) -> int:
    """Multiply-accumulates of one operator, padding counted; 0 for operators that are no sums of products."""
    inputs = [None if index is None else graph.tensors[index] for index in operator.inputs]
    shapes = [() if tensor is None else tensor.shape for tensor in inputs]
    written = graph.tensors[operator.outputs[0]].shape if operator.outputs else ()
    if any(size < 0 for shape in (*shapes, written) for size in shape):
        return 0
    out = math.prod(written)
    match operator.kind:
        case "CONV_2D":
            return out * math.prod(shapes[1][1:])
        case "DEPTHWISE_CONV_2D":
            return out * math.prod(shapes[1][1:3])
        case "FULLY_CONNECTED":
            return out * shapes[1][1]
        case "TRANSPOSE_CONV":
            return math.prod(shapes[2]) * math.prod(shapes[1][:3])
        case "BATCH_MATMUL":
            rows_first = bool(operator.options.get("adj_x"))
            return out * shapes[0][-2 if rows_first and len(shapes[0]) > 1 else -1] if shapes[0] else 0
        case "SVDF":
            rows, terms = shapes[0]
            filters, memory = shapes[2]
            return rows * filters * (terms + memory)
        case _:
            return 0


def constant_bytes(graph: ParsedSubgraph, operator: ParsedOperator) -> int:
    """Bytes of the constants that an operator reads."""
    tensors = {index for index in operator.inputs if index is not None}
    return sum(data.nbytes for index in tensors if (data := graph.tensors[index].data) is not None)


def all_constant_bytes(graph: ParsedSubgraph) -> int:
    """Bytes of all constants that operators read, each counted once."""
    read = {index for operator in graph.operators for index in operator.inputs if index is not None}
    return sum(data.nbytes for index in read if (data := graph.tensors[index].data) is not None)


def activation_peak_bytes(graph: ParsedSubgraph) -> int:
    """The most bytes of inputs, outputs and activations that one operator finds in memory at once.

    Inputs live until their last reader, outputs to the end; reshapes share their input's memory. The
    arena of a build is larger where activations do not pack, and smaller where an operator writes over
    its input.
    """
    owner = _owners(graph)
    first: dict[int, int] = {owner[index]: 0 for index in graph.inputs}
    last: dict[int, int] = dict.fromkeys(first, 0)
    for step, operator in enumerate(graph.operators):
        for index in (*operator.inputs, *operator.outputs):
            if (
                index is not None
                and graph.tensors[index].data is None
                and not graph.tensors[index].is_variable
            ):
                first.setdefault(owner[index], step)
                last[owner[index]] = step
    for index in graph.outputs:
        if owner[index] in last:
            last[owner[index]] = len(graph.operators) - 1
    # What comes to life or dies changes the sum; between those steps it stands still.
    change = [0] * (len(graph.operators) + 2)
    for index, step in first.items():
        size = tensor_bytes(graph.tensors[index])
        change[step] += size
        change[last[index] + 1] -= size
    peak = live = 0
    for difference in change:
        live += difference
        peak = max(peak, live)
    return peak


def _owners(graph: ParsedSubgraph) -> dict[int, int]:
    """Tensor -> the tensor whose memory it has."""
    owner = {tensor.index: tensor.index for tensor in graph.tensors}
    for operator in graph.operators:
        if operator.kind in _ALIASES and operator.inputs and operator.inputs[0] is not None:
            owner[operator.outputs[0]] = owner[operator.inputs[0]]
    return owner

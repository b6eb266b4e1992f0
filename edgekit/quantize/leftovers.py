"""What the quantizer leaves behind: needless floats, which go, and operators that stay in float."""

from __future__ import annotations

import dataclasses
from typing import Any

from edgekit.quantize.flatbuffer import FLOAT32, kind_of, name_of, tensors_of

# Operators whose result is the same whether they read floats or the integers that stand for them, in order.
_READ_ANY = frozenset({"ARG_MAX", "SHAPE"})
_EDGES = frozenset({"QUANTIZE", "DEQUANTIZE"})


@dataclasses.dataclass(frozen=True)
class FloatOperator:
    """An operator that computes in float, by its kind and the tensor that it writes."""

    kind: str
    output: str


def read_integers(model: Any) -> None:
    """Let operators that may read integers do so, and drop every DEQUANTIZE that nobody reads any more."""
    for graph in model.subgraphs:
        integer_of = {
            operator.outputs[0]: operator.inputs[0]
            for operator in graph.operators
            if kind_of(model, operator) == "DEQUANTIZE"
        }
        for operator in graph.operators:
            if kind_of(model, operator) in _READ_ANY:
                operator.inputs = [integer_of.get(index, index) for index in operator.inputs]
        read = {index for operator in graph.operators for index in operator.inputs} | set(graph.outputs)
        graph.operators = [
            operator
            for operator in graph.operators
            if kind_of(model, operator) != "DEQUANTIZE" or operator.outputs[0] in read
        ]


def quantize_unread(model: Any) -> None:
    """Outputs that nobody reads are left in float; those of a split get the scale of their siblings."""
    for graph in model.subgraphs:
        read = {index for operator in graph.operators for index in operator.inputs} | set(graph.outputs)
        for operator in graph.operators:
            outputs = [graph.tensors[index] for index in operator.outputs]
            siblings = [tensor for tensor in outputs if tensor.type != FLOAT32]
            for index, tensor in zip(operator.outputs, outputs, strict=True):
                if siblings and tensor.type == FLOAT32 and index not in read:
                    tensor.type, tensor.quantization = siblings[0].type, siblings[0].quantization


def float_operators(model: Any) -> list[FloatOperator]:
    """The operators of the main subgraph that compute in float, in the order in which they run."""
    graph = model.subgraphs[0]
    return [
        FloatOperator(kind_of(model, operator), name_of(graph.tensors[operator.outputs[0]]))
        for operator in graph.operators
        if kind_of(model, operator) not in _EDGES
        and any(graph.tensors[index].type == FLOAT32 for index in tensors_of(operator))
    ]

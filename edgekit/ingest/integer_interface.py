"""Leave the conversion from and to floats at a network's edges to its caller."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.artifacts import DType

if TYPE_CHECKING:
    from edgekit.artifacts import Graph, Operator, QuantizedModel


def with_integer_interface(model: QuantizedModel) -> QuantizedModel:
    """The model without float inputs and outputs, where nothing is done with them but converting.

    A float input that is read by one QUANTIZE alone gives its place to that operator's result; a float output
    that a DEQUANTIZE writes, and nobody reads, to its operand. The operators stay in the graph: lowering
    drops what writes an input, and what nobody needs. Floats take four times the memory of int8.
    """
    graph = model.graph
    inputs = tuple(_integer_input(graph, index) for index in graph.inputs)
    outputs: list[int] = []
    for index in graph.outputs:
        integer = _integer_output(graph, index)
        outputs.append(index if integer in (*inputs, *graph.outputs, *outputs) else integer)
    return dataclasses.replace(model, graph=dataclasses.replace(graph, inputs=inputs, outputs=tuple(outputs)))


def _integer_input(graph: Graph, index: int) -> int:
    readers = _readers(graph, index)
    if graph.tensors[index].dtype is not DType.FLOAT32 or index in graph.outputs or len(readers) != 1:
        return index
    (reader,) = readers
    return reader.outputs[0] if reader.kind == "QUANTIZE" else index


def _integer_output(graph: Graph, index: int) -> int:
    writers = [operator for operator in graph.operators if index in operator.outputs]
    if graph.tensors[index].dtype is not DType.FLOAT32 or _readers(graph, index) or len(writers) != 1:
        return index
    (writer,) = writers
    operand = writer.inputs[0] if writer.kind == "DEQUANTIZE" else None
    is_computed = operand is not None and graph.tensors[operand].data is None
    return operand if operand is not None and is_computed else index


def _readers(graph: Graph, index: int) -> list[Operator]:
    return [operator for operator in graph.operators if index in operator.inputs]

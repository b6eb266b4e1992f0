"""What ai-edge-quantizer takes for granted of a float model, and not every model has."""

from __future__ import annotations

from typing import Any

from edgekit.quantize.flatbuffer import kind_of, name_of

_OF_ONE_SCALE = frozenset({"MAXIMUM", "MINIMUM"})


def prepare(model: Any) -> None:
    """Change names and shapes in ways that change nothing of what the model computes."""
    _name_apart(model)
    for graph in model.subgraphs:
        for operator in graph.operators:
            if kind_of(model, operator) in _OF_ONE_SCALE:
                _raise_ranks(model, graph, operator)


def _name_apart(model: Any) -> None:
    """It knows tensors by their names: give those that share one a number behind it."""
    taken: set[str] = set()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            name, number = name_of(tensor), 2
            while name in taken or not name:
                name, number = f"{name_of(tensor) or 'tensor'}#{number}", number + 1
            taken.add(name)
            tensor.name = name.encode()


def _raise_ranks(model: Any, graph: Any, operator: Any) -> None:
    """Where tensors share a scale, it wants constants of the output's rank; [4] broadcasts as [1, 1, 4]."""
    rank = len(graph.tensors[operator.outputs[0]].shape)
    for index in operator.inputs:
        tensor = graph.tensors[index]
        readers = sum(list(other.inputs).count(index) for other in graph.operators)
        if model.buffers[tensor.buffer].data is not None and readers == 1:
            shape = [] if tensor.shape is None else list(tensor.shape)
            tensor.shape = [1] * (rank - len(shape)) + shape

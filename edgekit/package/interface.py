"""Values at the edges of a build whose interface is integer and of its file, whose edges may be float."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.artifacts import Graph, Tensor


def as_the_file_takes(graph: Graph, frame: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    """Inputs of a graph as its file wants them: as floats where a QUANTIZE of the file makes the integers.

    Exact: the QUANTIZE gives back the integers that these floats stand for.
    """
    made = {operator.outputs[0] for operator in graph.operators if operator.kind == "QUANTIZE"}
    return tuple(
        _dequantized(value, graph.tensors[index]) if index in made else value
        for index, value in zip(graph.inputs, frame, strict=True)
    )


def as_the_build_gives(graph: Graph, answers: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """What a file answers, as outputs of the graph: integers where the file makes floats at its end."""
    return [
        _quantized(answer, graph.tensors[index])
        if answer.dtype == np.float32 and graph.tensors[index].dtype.value != "float32"
        else answer
        for index, answer in zip(graph.outputs, answers, strict=True)
    ]


def _dequantized(integers: NDArray[Any], tensor: Tensor) -> NDArray[np.float32]:
    centred = integers.astype(np.float32) - np.float32(tensor.zero_point)
    return (centred * np.float32(tensor.scale)).astype(np.float32)


def _quantized(floats: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """The integers that a DEQUANTIZE made these floats of."""
    centred = np.rint(floats.astype(np.float64) / np.float64(np.float32(tensor.scale)))
    return (centred.astype(np.int64) + tensor.zero_point).astype(tensor.dtype.value)

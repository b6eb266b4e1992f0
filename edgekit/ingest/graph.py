"""From an accepted `ParsedModel` to EdgeKit's `Graph`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.artifacts import DType, Graph, Operator, Tensor
from edgekit.ingest.flatbuffer import unreadable
from edgekit.ingest.quantization import read_quantization
from edgekit.ingest.variables import init_subgraphs, read_variables, state_variables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.ingest.parsed import ParsedModel, ParsedOperator, ParsedSubgraph, ParsedTensor

_UNPLACED = DType.RESOURCE  # a handle: there is no memory behind it, whatever its buffer says


def build_graph(model: ParsedModel) -> Graph:
    """The main subgraph of `model` as a Graph, with the variables that its subgraphs initialise.

    Raises UnreadableModelError for constants or quantization parameters that do not fit their tensor,
    UnsupportedModelError for an initialisation that is more than constants.
    """
    tensors = _tensors(model.name, model.main)
    init_tensors = {
        index: _tensors(model.place(model.subgraphs[index]), model.subgraphs[index])
        for index in init_subgraphs(model)
    }
    return Graph(
        name=model.name,
        tensors=tensors,
        operators=tuple(_operator(operator) for operator in model.main.operators),
        inputs=model.main.inputs,
        outputs=model.main.outputs,
        variables=(*read_variables(model, tensors, init_tensors), *state_variables(tensors, model.main)),
    )


def _tensors(place: str, graph: ParsedSubgraph) -> tuple[Tensor, ...]:
    return tuple(_tensor(place, tensor) for tensor in graph.tensors)


def _tensor(place: str, tensor: ParsedTensor) -> Tensor:
    dtype = DType[tensor.dtype]
    return Tensor(
        index=tensor.index,
        name=tensor.name,
        shape=tensor.shape,
        dtype=dtype,
        quantization=read_quantization(place, tensor, dtype),
        data=_constant_values(place, tensor),
        is_variable=tensor.is_variable,
    )


def _constant_values(place: str, tensor: ParsedTensor) -> NDArray[Any] | None:
    """The values of a constant in its shape and type, a read-only view of the file; None if it is none."""
    dtype = DType[tensor.dtype]
    if tensor.data is None or dtype is _UNPLACED:
        return None
    expected = tensor.elements * dtype.itemsize
    if tensor.data.nbytes != expected:
        raise unreadable(
            f"{place}: {tensor}",
            f"its shape {list(tensor.shape)} of {dtype} needs {expected} bytes, "
            f"and it has {tensor.data.nbytes}",
        )
    return tensor.data.view(np.dtype(dtype.value).newbyteorder("<")).reshape(tensor.shape)


def _operator(operator: ParsedOperator) -> Operator:
    return Operator(
        index=operator.index,
        kind=operator.kind,
        inputs=operator.inputs,
        outputs=operator.outputs,
        options=operator.options,
        version=operator.version,
    )

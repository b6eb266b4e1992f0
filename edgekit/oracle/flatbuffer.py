"""The little that the oracle must know of a model before it dares to run it."""

from __future__ import annotations

import dataclasses
import math
import struct
from typing import TYPE_CHECKING

import numpy as np

from edgekit.errors import OracleCannotRunError
from edgekit.oracle.edges import integer_forms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.oracle.edges import Form

# Types that hold no numbers: looking at such a tensor would end the worker.
_OPAQUE = ("RESOURCE", "VARIANT", "STRING")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """Edges and tensors of a model's main subgraph."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operator_outputs: tuple[tuple[int, ...], ...]  # tensor indices, by operator index
    names: tuple[str, ...]  # of the tensors
    readable: frozenset[int]  # tensors with elements that can be looked at
    tensor_bytes: int  # of all tensors of all subgraphs
    forms: Mapping[int, Form]  # see `edgekit.oracle.edges`


def read_layout(flatbuffer: bytes) -> Layout:
    """Read a model's edges.

    Raises:
        OracleCannotRunError: the file is not a model.
    """
    import tflite

    try:
        model = tflite.Model.GetRootAsModel(flatbuffer, 0)
        graphs = [model.Subgraphs(i) for i in range(model.SubgraphsLength())]
        main = graphs[0]
        tensors = [main.Tensors(i) for i in range(main.TensorsLength())]
        opaque = {getattr(tflite.TensorType, name) for name in _OPAQUE}
        return Layout(
            inputs=_indices(main.InputsAsNumpy()),
            outputs=_indices(main.OutputsAsNumpy()),
            operator_outputs=tuple(
                _indices(main.Operators(i).OutputsAsNumpy()) for i in range(main.OperatorsLength())
            ),
            names=tuple((tensor.Name() or b"").decode("utf-8", "replace") for tensor in tensors),
            readable=frozenset(i for i, tensor in enumerate(tensors) if tensor.Type() not in opaque),
            tensor_bytes=sum(
                8 * math.prod(_indices(graph.Tensors(i).ShapeAsNumpy()))
                for graph in graphs
                for i in range(graph.TensorsLength())
            ),
            forms=integer_forms(model, main),
        )
    except (struct.error, IndexError, AttributeError, TypeError, ValueError, UnicodeDecodeError) as error:
        raise OracleCannotRunError(
            "The reference interpreter cannot read the model.",
            why=f"The file is damaged ({error}).",
            fix="Export the model again.",
        ) from error


def _indices(vector: object) -> tuple[int, ...]:
    """A flatbuffer vector as a tuple; one that is absent reads as the number 0."""
    return tuple(int(i) for i in vector) if isinstance(vector, np.ndarray) else ()

"""Whether a pass left its input alone."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import tvm_ffi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edgekit.artifacts import Graph, LoweredModule, Tensor


@contextmanager
def unchanged_graph(graph: Graph) -> Iterator[None]:
    """Fail if the graph is another one afterwards."""
    operators = [(o, copy.deepcopy(dict(o.options))) for o in graph.operators]
    tensors = [(t, None if t.data is None else t.data.copy()) for t in graph.tensors]
    edges = (graph.inputs, graph.outputs, graph.variables)
    yield
    assert [(o, dict(o.options)) for o in graph.operators] == operators
    assert [t for t, _ in tensors] == list(graph.tensors)
    assert all(_same_data(t, data) for t, data in tensors)
    assert (graph.inputs, graph.outputs, graph.variables) == edges


@contextmanager
def unchanged_module(module: LoweredModule) -> Iterator[None]:
    """Fail if the module is another one afterwards."""
    before = (module.calls, dict(module.buffers), dict(module.constants), module.inputs, module.outputs)
    kernels = module.module
    functions = list(kernels.functions.items())
    yield
    assert (module.calls, dict(module.buffers), module.inputs, module.outputs) == (
        before[0],
        before[1],
        *before[3:],
    )
    assert list(module.constants) == list(before[2])
    assert module.module is kernels
    assert len(kernels.functions) == len(functions)
    assert all(tvm_ffi.structural_equal(kernels[name], function) for name, function in functions)


def _same_data(tensor: Tensor, data: NDArray[Any] | None) -> bool:
    if data is None or tensor.data is None:
        return data is tensor.data
    return np.array_equal(tensor.data, data)

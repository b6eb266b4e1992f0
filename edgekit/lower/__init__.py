"""Lower: a quantized model becomes integer kernels in canonical form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.lower.assemble import assemble
from edgekit.lower.passes import GRAPH_PASSES, MODULE_PASSES
from edgekit.lower.support import check

if TYPE_CHECKING:
    from edgekit.artifacts import Graph, LoweredModule, QuantizedModel

__all__ = ["lower", "simplified"]


def lower(model: QuantizedModel) -> LoweredModule:
    """Integer kernels for every operator of a model, and the order to call them in.

    Raises:
        UnsupportedModelError: an operator, shape or type that EdgeKit cannot build.
    """
    graph = simplified(model.graph)
    check(graph)
    module = assemble(graph)
    for improve in MODULE_PASSES:
        module = improve(module)
    return module


def simplified(graph: Graph) -> Graph:
    """The graph that is lowered: without what is known at build time, or needed by nobody."""
    for simplify in GRAPH_PASSES:
        graph = simplify(graph)
    return graph

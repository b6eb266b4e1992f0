"""Whether a build's interface is that of its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgekit.artifacts import Graph


def is_integer_by_choice(graph: Graph) -> bool:
    """Whether floats of the file's edges were left to the caller."""
    edges = {*graph.inputs, *graph.outputs}
    return any(
        (operator.kind == "QUANTIZE" and operator.outputs[0] in graph.inputs)
        or (
            operator.kind == "DEQUANTIZE" and operator.inputs[0] in edges and operator.outputs[0] not in edges
        )
        for operator in graph.operators
    )

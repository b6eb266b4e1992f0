"""Drop operators whose results nobody reads."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgekit.artifacts import Graph


def drop_dead_operators(graph: Graph) -> Graph:
    """Operators go whose outputs neither another operator nor the network's outputs need.

    Nor does anybody need an operator for what is an input of the network. Operators without outputs stay:
    they assign variables. What keeps a state to itself (SVDF) has no effect that is not in its output.
    """
    needed = set(graph.outputs)
    kept = []
    for operator in reversed(graph.operators):
        if not operator.outputs or needed.intersection(operator.outputs).difference(graph.inputs):
            kept.append(operator)
            needed.update(index for index in operator.inputs if index is not None)
    return dataclasses.replace(graph, operators=tuple(reversed(kept)))

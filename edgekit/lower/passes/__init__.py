"""Passes in the order they run: over the graph before lowering, over the kernels after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.lower.passes.drop_dead_operators import drop_dead_operators
from edgekit.lower.passes.fold_constants import fold_constants
from edgekit.lower.passes.fold_pads_into_convolutions import fold_pads_into_convolutions
from edgekit.lower.passes.materialize_outputs import materialize_outputs
from edgekit.lower.passes.read_variables_in_place import read_variables_in_place
from edgekit.lower.passes.write_concatenations_in_place import write_concatenations_in_place

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.artifacts import Graph, LoweredModule

GRAPH_PASSES: tuple[Callable[[Graph], Graph], ...] = (
    fold_constants,
    drop_dead_operators,
    fold_pads_into_convolutions,
)
MODULE_PASSES: tuple[Callable[[LoweredModule], LoweredModule], ...] = (
    read_variables_in_place,
    write_concatenations_in_place,
    materialize_outputs,
)

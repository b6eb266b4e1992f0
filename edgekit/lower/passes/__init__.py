"""Passes in the order they run: over the graph before lowering, over the kernels after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.artifacts import Graph, LoweredModule

GRAPH_PASSES: tuple[Callable[[Graph], Graph], ...] = ()
MODULE_PASSES: tuple[Callable[[LoweredModule], LoweredModule], ...] = ()

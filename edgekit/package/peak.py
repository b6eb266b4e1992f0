"""Where an arena's peak is, in words of the model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgekit.artifacts import Code, Graph, QuantizedModel

_TENSOR = re.compile(r"t(\d+)")  # how buffers that hold a tensor, or rows of one, begin


def peak_of(model: QuantizedModel, code: Code) -> dict[str, Any] | None:
    """The step that needs the most memory, and who needs it, the largest first.

    A tensor of which some rows are there at a time is marked as `rows_only`.
    """
    peak = code.plan.peak
    if peak is None:
        return None
    number, step = next(
        (number, step)
        for number, step in enumerate(code.steps)
        if any(position == peak.call for position, _ in step.calls)
    )
    return {
        "step": number,
        "operator": step.operator,
        "kind": step.kind,
        "needed_bytes": peak.needed_bytes,
        "tensors": [
            {"name": _readable(model.graph, name), "bytes": size, "rows_only": name.endswith(":rows")}
            for name, size in peak.buffers.items()
        ],
        "scratch_bytes": peak.scratch_bytes,
    }


def _readable(graph: Graph, buffer: str) -> str:
    """The name of the tensor that a buffer is for; its own name if it is for none."""
    found = _TENSOR.match(buffer)
    return buffer if found is None else graph.tensors[int(found[1])].name

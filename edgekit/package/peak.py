"""Where an arena's peak is, in words of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekit.package.arena_plan import readable, rows_only, steps_by_call

if TYPE_CHECKING:
    from edgekit.artifacts import Code, QuantizedModel


def peak_of(model: QuantizedModel, code: Code) -> dict[str, Any] | None:
    """The step that needs the most memory, and who needs it, the largest first.

    A tensor of which some rows are there at a time is marked as `rows_only`.
    """
    peak = code.plan.peak
    if peak is None:
        return None
    number = steps_by_call(code.steps)[peak.call]
    step = code.steps[number]
    return {
        "step": number,
        "operator": step.operator,
        "kind": step.kind,
        "needed_bytes": peak.needed_bytes,
        "tensors": [
            {"name": readable(model.graph, name), "bytes": size, "rows_only": rows_only(name)}
            for name, size in peak.buffers.items()
        ],
        "scratch_bytes": peak.scratch_bytes,
    }

"""What lies where in an arena, and when, in words and steps of the model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edgekit.artifacts import Code, Graph, MemoryPlan, PlacedBlock, QuantizedModel, Step

_TENSOR = re.compile(r"t(\d+)")  # how buffers that hold a tensor, or rows of one, begin
_SCRATCH = "workspace:"


def plan_of(model: QuantizedModel, code: Code) -> list[dict[str, Any]]:
    """Every block of the arena, by the step that makes it: the entry "plan" of a manifest."""
    steps = steps_by_call(code.steps)
    steps |= {-1: -1, len(steps): len(code.steps)}  # before the first call, and after the last
    blocks = sorted(code.plan.blocks, key=lambda block: (block.first_call, block.offset))
    return [
        {
            "name": "scratch" if block.name.startswith(_SCRATCH) else readable(model.graph, block.name),
            "offset": block.offset,
            "bytes": block.size_bytes,
            "first_step": steps[block.first_call],
            "last_step": steps[block.last_call],
            "rows_only": rows_only(block.name),
        }
        for block in blocks
    ]


def bytes_in_use(plan: MemoryPlan, steps: Sequence[Step]) -> list[int]:
    """The most bytes of the arena that are taken at once in each step; shared ones count once."""
    return [max(_bytes_at(plan.blocks, call) for call, _ in step.calls) for step in steps]


def steps_by_call(steps: Sequence[Step]) -> dict[int, int]:
    """The number of the step that each call belongs to, by the call's position."""
    return {call: number for number, step in enumerate(steps) for call, _ in step.calls}


def readable(graph: Graph, buffer: str) -> str:
    """The name of the tensor that a buffer is for; its own name if it is for none."""
    found = _TENSOR.match(buffer)
    return buffer if found is None else graph.tensors[int(found[1])].name


def rows_only(buffer: str) -> bool:
    """Whether a buffer holds some rows of its tensor at a time: those that a band needs."""
    return buffer.endswith(":rows")


def _bytes_at(blocks: Iterable[PlacedBlock], call: int) -> int:
    """Bytes of the blocks that are taken in a call."""
    end = total = 0
    for block in sorted(blocks, key=lambda block: block.offset):
        if block.first_call <= call <= block.last_call:
            top = block.offset + block.size_bytes
            total += max(0, top - max(end, block.offset))
            end = max(end, top)
    return total

"""A model whose memory is planned: what its C sources are written from, whatever they are compiled for."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.artifacts import root_of, steps_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgekit.artifacts import Buffer, Graph, KernelCall, MemoryPlan, QuantizedModel, Step, Tensor
    from edgekit.target import Target


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedModel:
    """The calls of a model in the order that they run, and where everything lies."""

    model: QuantizedModel
    target: Target
    graph: Graph  # that was lowered: the model's, simplified
    calls: Sequence[KernelCall]
    buffers: Mapping[str, Buffer]
    inputs: Sequence[str]
    outputs: Sequence[str]
    plan: MemoryPlan

    @property
    def steps(self) -> tuple[Step, ...]:
        """The calls by operator."""
        return steps_of(self.calls)

    def tensor(self, buffer: str) -> Tensor:
        """The graph's tensor that a buffer holds."""
        index = self.buffers[buffer].tensor
        assert index is not None, buffer
        return self.graph.tensors[index]

    def is_state(self, name: str) -> bool:
        """Whether a buffer lives in the state, not in the arena."""
        root, _ = root_of(self.buffers, name)
        return self.buffers[root].is_state

    def results(self, step: Step) -> list[tuple[Tensor, int]]:
        """The tensors that a step writes into the arena, and their offsets there."""
        return [
            (self.tensor(name), self.plan.offsets[name])
            for _, call in step.calls
            for name in call.writes
            if self.buffers[name].tensor is not None and not self.is_state(name)
        ]

    def outputs_of(self, step: Step) -> list[Tensor]:
        """The tensors that a step's operator writes, whether they have memory or not."""
        operator = next(o for o in self.graph.operators if o.index == step.operator)
        return [self.graph.tensors[index] for index in operator.outputs]

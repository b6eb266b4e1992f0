"""An operator together with its tensors: what rules check and lowerings read."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgekit.artifacts import Graph, Operator, Tensor


@dataclasses.dataclass(frozen=True)
class OperatorView:
    """One operator of a graph, its tensors looked up."""

    operator: Operator
    graph: Graph

    @property
    def inputs(self) -> tuple[Tensor | None, ...]:
        """Input tensors; None for an optional one that is absent."""
        return tuple(None if i is None else self.graph.tensors[i] for i in self.operator.inputs)

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Output tensors."""
        return tuple(self.graph.tensors[i] for i in self.operator.outputs)

    def input(self, position: int) -> Tensor:
        """The input at `position`, which rules have checked to be there."""
        tensor = self.inputs[position]
        assert tensor is not None, (self.operator, position)
        return tensor

    def optional_input(self, position: int) -> Tensor | None:
        """The input at `position`, or None where there is none."""
        return self.inputs[position] if position < len(self.inputs) else None

    @property
    def output(self) -> Tensor:
        """The first output."""
        return self.outputs[0]

    def option(self, name: str) -> Any:
        """An option of the operator's table."""
        return self.operator.options[name]

    @property
    def where(self) -> str:
        """How a message calls this operator: "operator 3 (CONV_2D), which writes 'conv1'"."""
        names = ", ".join(repr(t.name) for t in self.outputs)
        return f"operator {self.operator.index} ({self.operator.kind}), which writes {names or 'nothing'}"

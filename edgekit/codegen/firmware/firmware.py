"""What the C sources of a model say: its calls, where everything lies, and what its parts are called."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.artifacts import steps_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from edgekit.artifacts import (
        Buffer,
        Graph,
        KernelCall,
        MemoryPlan,
        QuantizedModel,
        SharedKernel,
        Step,
        Tensor,
    )
    from edgekit.codegen.firmware.functions import CFunction
    from edgekit.target import Target

ARENA_ALIGNMENT = 8  # of the arena and the state: that of C's widest type


@dataclasses.dataclass(frozen=True, kw_only=True)
class Constant:
    """Read-only data of a model, by the name that it has in C."""

    symbol: str
    array: NDArray[Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Firmware:
    """A model whose memory is planned and whose kernels are C."""

    model: QuantizedModel
    prefix: str  # of every name that the sources define: the model's, as an identifier
    target: Target
    graph: Graph
    calls: Sequence[KernelCall]
    buffers: Mapping[str, Buffer]
    inputs: Sequence[str]
    outputs: Sequence[str]
    plan: MemoryPlan
    functions: Mapping[str, CFunction]  # kernel -> its own function, which equal kernels share
    shared: Mapping[str, SharedKernel]  # kernel -> the function that all its like share
    constants: Mapping[str, Constant]  # by the names in the calls' reads
    initial_states: Mapping[str, Constant]  # by state buffer; those that are more than one byte repeated
    filled_states: Mapping[str, int]  # state buffer -> that byte

    @property
    def macro(self) -> str:
        """What the model's macros start with."""
        return self.prefix.upper()

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
        buffer = self.buffers[name]
        while buffer.alias_of is not None:
            buffer = self.buffers[buffer.alias_of]
        return buffer.is_state

    def written(self, step: Step) -> str:
        """Names of the tensors that a step's operator writes; of those that converters join, the first."""
        operator = next(o for o in self.graph.operators if o.index == step.operator)
        return ", ".join(self.graph.tensors[i].name.partition(";")[0] for i in operator.outputs)

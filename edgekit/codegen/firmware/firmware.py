"""What the C sources of a model say: its calls, where everything lies, and what its parts are called."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.artifacts import UNTUNED, FirmwareNeeds
from edgekit.codegen.arena import BARE
from edgekit.codegen.planned import PlannedModel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

    from edgekit.artifacts import SharedKernel, Step, Tuning
    from edgekit.codegen.firmware.functions import CFunction

ARENA_ALIGNMENT = BARE.block  # of the arena and the state


@dataclasses.dataclass(frozen=True, kw_only=True)
class Constant:
    """Read-only data of a model, by the name that it has in C."""

    symbol: str
    array: NDArray[Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Firmware(PlannedModel):
    """A planned model whose kernels are C."""

    prefix: str  # of every name that the sources define: the model's, as an identifier
    functions: Mapping[str, CFunction]  # kernel -> its own function, which equal kernels share
    shared: Mapping[str, SharedKernel]  # kernel -> the function that all its like share
    constants: Mapping[str, Constant]  # by the names in the calls' reads
    initial_states: Mapping[str, Constant]  # by state buffer; those that are more than one byte repeated
    filled_states: Mapping[str, int]  # state buffer -> that byte
    tuning: Tuning = UNTUNED

    @property
    def macro(self) -> str:
        """What the model's macros start with."""
        return self.prefix.upper()

    @property
    def needs(self) -> FirmwareNeeds:
        """The memory that the model needs."""
        return FirmwareNeeds(plan=self.plan, steps=self.steps, weights=self._weights())

    def _weights(self) -> dict[int, int]:
        """Bytes of constants by the operator that reads them first; of initial states, by the first."""
        seen: set[str] = set()
        weights = {call.operator: 0 for call in self.calls}
        for call in self.calls:
            for name in call.reads:
                constant = self.constants.get(name)
                if constant is not None and constant.symbol not in seen:
                    seen.add(constant.symbol)
                    weights[call.operator] += constant.array.nbytes
        for constant in self.initial_states.values():
            weights[self.calls[0].operator] += constant.array.nbytes
        return weights

    def written(self, step: Step) -> str:
        """Names of the tensors that a step's operator writes; of those that converters join, the first."""
        return ", ".join(tensor.name.partition(";")[0] for tensor in self.outputs_of(step))

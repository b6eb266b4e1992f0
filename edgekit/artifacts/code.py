"""Memory plans, the steps of a network, and the libraries or C sources that run it."""

from __future__ import annotations

import dataclasses
from itertools import groupby
from typing import TYPE_CHECKING

from edgekit.artifacts.tuned import UNTUNED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgekit.artifacts.lowered import KernelCall
    from edgekit.artifacts.tuned import Tuning


@dataclasses.dataclass(frozen=True, kw_only=True)
class Peak:
    """The call that needs the most memory, and what is live in it."""

    call: int
    needed_bytes: int  # less than the sum where a result lies over its operand
    buffers: Mapping[str, int]  # bytes by buffer, the largest first
    scratch_bytes: int


@dataclasses.dataclass(frozen=True)
class PlacedBlock:
    """A piece of the arena that is taken from one call to another, both included.

    -1 is before the first call, the number of calls after the last. Two that are taken at once may share
    bytes where a result lies over the operand that it uses up.
    """

    name: str  # the buffer's; "workspace:<call>:<number>" of a kernel's scratch memory
    offset: int
    size_bytes: int
    first_call: int
    last_call: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """Where every buffer lives. Offsets are bytes from the start of the arena, or of the state."""

    arena_bytes: int
    state_bytes: int
    offsets: Mapping[str, int]  # buffer name -> arena offset (or state offset, if is_state)
    workspaces: Mapping[tuple[int, int], int]  # (call index, workspace index) -> arena offset
    bound_bytes: int = 0  # no plan for these calls has a smaller arena
    peak: Peak | None = None  # None where nothing is called
    blocks: tuple[PlacedBlock, ...] = ()  # all of the arena that is ever taken; windows are in them


@dataclasses.dataclass(frozen=True)
class Step:
    """The calls of one operator: what the library, the manifest and a profile have one entry for."""

    operator: int  # Operator.index
    kind: str  # Operator.kind
    calls: tuple[tuple[int, KernelCall], ...]  # with their positions among all calls

    @property
    def kernel(self) -> str:
        """The kernel that stands for the step: that of its first call."""
        return self.calls[0][1].kernel

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the step."""
        return sum(call.macs for _, call in self.calls)


def steps_of(calls: Sequence[KernelCall]) -> tuple[Step, ...]:
    """Calls grouped by operator, in execution order."""
    groups = groupby(enumerate(calls), key=lambda item: (item[1].operator, item[1].kind))
    return tuple(Step(operator, kind, tuple(group)) for (operator, kind), group in groups)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FirmwareNeeds:
    """The memory that a microcontroller's model needs, known before its C is written."""

    plan: MemoryPlan
    steps: tuple[Step, ...]
    weights: Mapping[int, int]  # Operator.index -> bytes of the constants that it is the first to read

    @property
    def ram_bytes(self) -> int:
        """The arena and the state."""
        return self.plan.arena_bytes + self.plan.state_bytes

    @property
    def weight_bytes(self) -> int:
        """Constants in flash."""
        return sum(self.weights.values())


@dataclasses.dataclass(frozen=True, kw_only=True)
class FirmwareSources(FirmwareNeeds):
    """C sources of a microcontroller's model, and the memory it needs; not compiled yet."""

    prefix: str
    files: Mapping[str, bytes]  # path in the bundle -> content
    tuning: Tuning = UNTUNED


@dataclasses.dataclass(frozen=True, kw_only=True)
class FirmwareBuild:
    """How the C sources of a microcontroller's model are named and compiled."""

    prefix: str  # of every function, and in upper case of every macro: the model's name
    flags: tuple[str, ...]  # that its figures were taken with
    compiler: str  # likewise: "arm-none-eabi-gcc 12.2.1"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Code:
    """What the compiler made: files to ship, and the memory they need."""

    files: Mapping[str, bytes]  # name in the bundle -> content
    plan: MemoryPlan
    steps: tuple[Step, ...]
    code_bytes: int  # machine code in the library; of a firmware, in flash
    weight_bytes: int  # constants in the library
    tuning: Tuning = UNTUNED
    firmware: FirmwareBuild | None = None  # of a microcontroller: `files` are C sources

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one invocation."""
        return sum(step.macs for step in self.steps)

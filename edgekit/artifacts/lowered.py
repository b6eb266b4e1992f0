"""A model as integer kernels, and the memory that they are called on."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from edgekit.artifacts.graph import DType, Graph


@dataclasses.dataclass(frozen=True, kw_only=True)
class Buffer:
    """Memory that a kernel reads or writes. An alias is a window on another buffer.

    `tensor` is the graph tensor it holds; None for what lowering made up.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    tensor: int | None = None
    alias_of: str | None = None
    alias_offset_bytes: int = 0
    is_state: bool = False  # lives from one invocation to the next

    @property
    def size_bytes(self) -> int:
        """Bytes the buffer takes."""
        return math.prod(self.shape) * self.dtype.itemsize


def state_name(variable: str) -> str:
    """The buffer of a streaming variable, by the variable's name in Graph.variables."""
    return f"state:{variable}"


def root_of(buffers: Mapping[str, Buffer], name: str) -> tuple[str, int]:
    """The buffer whose memory `name` lies in (itself, if it is no window), and its offset there."""
    offset = 0
    while (source := buffers[name].alias_of) is not None:
        offset += buffers[name].alias_offset_bytes
        name = source
    return name, offset


@dataclasses.dataclass(frozen=True, kw_only=True)
class KernelCall:
    """One call of a kernel: which function, for which operator, on which memory.

    `reads` and `writes` name buffers or constants, in the order of the kernel's parameters.
    `in_place` lists positions in `reads` whose buffer may share its memory with `writes[0]`.
    `workspaces` are bytes of scratch memory, one more pointer parameter each (known after codegen).
    """

    kernel: str
    operator: int  # Operator.index
    kind: str  # Operator.kind
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    in_place: tuple[int, ...] = ()
    macs: int = 0
    workload: Any = None  # a frozen dataclass of compute/, where a template knows better than the expressions


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoweredModule:
    """Integer kernels in canonical form, correct as they are, and the order to call them in."""

    graph: Graph
    module: Any  # tvm.IRModule: one PrimFunc per kernel, buffers as parameters
    calls: tuple[KernelCall, ...]
    buffers: Mapping[str, Buffer]
    constants: Mapping[str, NDArray[Any]]
    inputs: tuple[str, ...]  # buffer names, in the order of Graph.inputs
    outputs: tuple[str, ...]

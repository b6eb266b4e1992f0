"""The frozen values that travel from stage to stage, in the order they come to be.

Nothing here computes: a stage takes one of these and gives the next. Arrays inside them are read-only.
Values that hold TVM objects (`LoweredModule`, `TunedModule`) name them `Any`: only `lower`,
`schedule` and `codegen` may know that TVM exists.
"""

from __future__ import annotations

import dataclasses
import math
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edgekit.target import Target


class DType(StrEnum):
    """Element types that a tensor may have; the value is numpy's name for it."""

    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT32 = "float32"
    BOOL = "bool"
    RESOURCE = "resource"  # the handle of a variable: no memory of its own

    @property
    def itemsize(self) -> int:
        """Bytes of one element; 0 for a resource handle."""
        return 0 if self is DType.RESOURCE else np.dtype(self.value).itemsize


# --------------------------------------------------------------------------------------- ingest


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quantization:
    """real = scale * (integer - zero_point); one pair per tensor, or one per index of `axis`."""

    scales: tuple[float, ...]  # float32 values, widened exactly
    zero_points: tuple[int, ...]
    axis: int = 0

    @property
    def is_per_channel(self) -> bool:
        """Whether there is more than one scale."""
        return len(self.scales) > 1


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Tensor:
    """One tensor of a graph. `data` is there for constants only and is read-only."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: DType
    quantization: Quantization | None = None
    data: NDArray[Any] | None = None
    is_variable: bool = False  # keeps its value from one invocation to the next (SVDF's state)

    @property
    def elements(self) -> int:
        """Number of elements; 1 for a scalar."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes the tensor takes."""
        return self.elements * self.dtype.itemsize

    @property
    def variable_name(self) -> str:
        """The name of a variable tensor in Graph.variables; those of resource variables have a "/"."""
        return f"tensor {self.index}"

    @property
    def scale(self) -> float:
        """The one scale of a per-tensor quantized tensor."""
        assert self.quantization is not None, self.name
        return self.quantization.scales[0]

    @property
    def zero_point(self) -> int:
        """The one zero point of a per-tensor quantized tensor."""
        assert self.quantization is not None, self.name
        return self.quantization.zero_points[0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Operator:
    """One operator: its builtin name, the tensors it reads and writes, and its options.

    `options` are those of the flatbuffer's table with its field names in snake_case (`stride_h`,
    `dilation_w_factor`, `fused_activation_function`); enums are their names ("SAME", "RELU6").
    An optional input that is absent is None.
    """

    index: int  # position in the model's main subgraph
    kind: str  # "CONV_2D"
    inputs: tuple[int | None, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]
    version: int = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variable:
    """A streaming model's state: a resource variable (or a variable tensor) and its first value."""

    name: str
    shape: tuple[int, ...]
    dtype: DType
    initial: NDArray[Any]  # read-only
    zero_point: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Graph:
    """A whole network: tensors by index, operators in execution order, and its edges."""

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    # Resource variables by the name that VAR_HANDLE gives them (container/shared_name), then variable
    # tensors by Tensor.variable_name.
    variables: tuple[Variable, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuantizedModel:
    """A full-integer model: the flatbuffer as it came, and the graph read from it."""

    name: str
    flatbuffer: bytes
    digest: str  # SHA-256 of the flatbuffer, lower-case hex
    graph: Graph


# ------------------------------------------------------------------------------------ lower, schedule

# Functions that stand in scheduled kernels for the bounds of a thread's share of 0 .. their argument.
SHARE_BEGIN, SHARE_END = "edgekit_share_begin", "edgekit_share_end"
SHARED = "edgekit.shared"  # attribute of a kernel: threads share its loops, since it does work enough


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
    workload: Any = None  # a frozen dataclass of lower/workloads.py, where a template knows better


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


@dataclasses.dataclass(frozen=True)
class Origin:
    """Whose measurement chose a kernel's schedule."""

    source: str  # "board", "machine" (that EdgeKit ran on) or "emulator"
    is_exact: bool  # of the kernel's own shape, not of the nearest tuned one


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuning:
    """The shares of the multiply-accumulates whose schedules were measured, by the source of the record."""

    exact: Mapping[str, float]
    nearest: Mapping[str, float]  # by the record of another shape

    @property
    def tuned_share(self) -> float:
        """The share that was measured in its own shape."""
        return sum(self.exact.values())


UNTUNED = Tuning(exact={}, nearest={})


@dataclasses.dataclass(frozen=True, kw_only=True)
class SharedKernel:
    """A kernel that is no function of its own: a constant struct, and a C function that all its like share.

    The function is `void function(const struct *layer, reads..., writes..., [void *scratch])`: typed pointers
    in the order of the call's reads and writes. Pointers to constants and to scratch memory are aligned to 4
    bytes; others to their element.
    """

    function: str  # "ek_convolution"
    struct: str  # the C type of its layers: "ek_convolution_layer"
    fields: Mapping[str, int | tuple[int, ...]]  # of the struct
    sources: tuple[str, ...]  # files of edgekit/kernels/mcu, without those that they include
    header: str  # the file there that declares both
    scratch_bytes: int = 0  # 0: it takes no scratch memory
    # The answer is right if the output starts at least so many bytes below the first input's start, or
    # apart from it. None: only apart.
    lead_bytes: int | None = None
    works_in_place: bool = False  # right too if the output starts exactly where the first input does


@dataclasses.dataclass(frozen=True, kw_only=True)
class TunedModule:
    """The same calls with scheduled kernels, and constants packed the way those read them."""

    lowered: LoweredModule
    target: Target
    module: Any  # tvm.IRModule of scheduled PrimFuncs
    calls: tuple[KernelCall, ...]
    constants: Mapping[str, NDArray[Any]]
    kernels: tuple[str, ...] = ()  # folders of micro-kernels that are called
    shared: Mapping[str, SharedKernel] = dataclasses.field(default_factory=dict)  # those not in `module`
    overread_bytes: int = 0  # how far past an operand a kernel may read
    tuning: Tuning = UNTUNED


# ----------------------------------------------------------------------------------------- codegen


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


# ----------------------------------------------------------------------------------------- package


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Golden:
    """What a model must answer: frames in sequence, the first of them on fresh state.

    Every array has the frames on its leading axis, then the tensor's shape. Where the oracle's
    interpreter is not on the build machine, or lacks one of the model's operators, `outputs` and
    `oracle` are None and `unchecked` says why.
    """

    inputs: tuple[NDArray[Any], ...]  # one array an input
    outputs: tuple[NDArray[Any], ...] | None  # one array an output
    oracle: str | None  # "tflite-micro 0.dev2026…"
    unchecked: str | None = None

    @property
    def frames(self) -> int:
        """Number of invocations."""
        return int(self.inputs[0].shape[0]) if self.inputs else 0


class Engine(StrEnum):
    """What runs a bundle's model on the device; a manifest's "engine"."""

    EDGEKIT = "edgekit"  # a library of its own kernels: bit-exact to the oracle, nothing else needed
    LITERT = "litert"  # LiteRT, which must be there, on the .tflite file


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bundle:
    """A complete build folder and the manifest read from it (`package/manifest.py` has its schema)."""

    path: Path
    manifest: Mapping[str, Any]

"""A model as it was read: tensors, operators, variables, and the network that they make."""

from __future__ import annotations

import dataclasses
import math
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from edgekit.artifacts.float_model import ModelOrigin


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
class QuantizationRecord:
    """How a full-integer model was made of a float one: what the manifest tells of it."""

    tools: Mapping[str, str]  # name -> version of the packages that decide its bytes
    weights: str  # "int8 per channel"
    interface: str  # "int8" or "float": the type of the model's inputs and outputs
    ranges: str  # how the activations' ranges came of the samples: "min-max" or "moving-average"
    samples: int  # how many it was calibrated with
    samples_digest: str  # SHA-256 of their values, as they were fed to the model
    float_digest: str  # SHA-256 of the float32 flatbuffer
    origin: ModelOrigin  # what that was made of
    preprocessing: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # the [preprocess] table
    findings: tuple[Mapping[str, str], ...] = ()  # of the linter about the samples: fault, what, why, fix


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuantizedModel:
    """A full-integer model: the flatbuffer as it came, and the graph read from it."""

    name: str
    flatbuffer: bytes
    digest: str  # SHA-256 of the flatbuffer, lower-case hex
    graph: Graph
    quantization: QuantizationRecord | None = None  # None: the file came quantized

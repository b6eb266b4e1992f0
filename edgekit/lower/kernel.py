"""What lowering an operator gives: kernels over tensors, or aliases that cost nothing."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from tvm import te

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.artifacts import DType, Tensor


class Template(StrEnum):
    """Which schedule template a kernel's shape calls for."""

    CONVOLUTION = "convolution"  # also dense: has a workload
    DEPTHWISE = "depthwise"  # has a workload
    ELEMENTWISE = "elementwise"  # one output element from the same place of its inputs; also copies
    REDUCTION = "reduction"  # stages with reduce axes; innermost spatial axis vectorizes
    SERIAL = "serial"  # few elements or scalar recurrences: left as written


@dataclasses.dataclass(frozen=True)
class StateRef:
    """The memory of a streaming variable, by its name in Graph.variables."""

    name: str


@dataclasses.dataclass(frozen=True)
class Scratch:
    """Memory that one kernel of an operator writes and a later one of the same operator reads."""

    name: str  # tells it from the operator's others
    shape: tuple[int, ...]
    dtype: DType


# What a kernel parameter is bound to: a graph tensor's index, a state, scratch memory, or constants.
Argument: TypeAlias = "int | StateRef | Scratch | NDArray[Any]"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kernel:
    """One kernel of an operator: its tensor expressions and what its parameters are bound to."""

    template: Template
    placeholders: tuple[te.Tensor, ...]
    reads: tuple[Argument, ...]  # one a placeholder
    result: te.Tensor
    writes: int | StateRef | Scratch
    in_place: tuple[int, ...] = ()  # positions in reads whose memory the result may take
    macs: int = 0
    workload: Any = None


@dataclasses.dataclass(frozen=True)
class Alias:
    """`output` is a window on `source`'s memory: the same bytes under another shape."""

    output: int  # tensor index
    source: int  # tensor index
    offset_bytes: int = 0


class KernelBuilder:
    """Collects a kernel's parameters while its expressions are written.

    Example:
        kernel = KernelBuilder()
        x = kernel.read(view.input(0))
        y = te.compute(shape, lambda *i: x[i] + 1)
        return [kernel.finish(y, view.output, Template.ELEMENTWISE)]
    """

    def __init__(self) -> None:
        self._placeholders: list[te.Tensor] = []
        self._reads: list[Argument] = []

    def read(self, tensor: Tensor, shape: tuple[int, ...] | None = None) -> te.Tensor:
        """A parameter for a tensor, constant or not; `shape` reinterprets its elements, row-major."""
        argument = tensor.index if tensor.data is None else tensor.data.reshape(shape or tensor.shape)
        return self._add(argument, shape or tensor.shape, str(tensor.dtype), f"x{len(self._reads)}")

    def read_state(self, name: str, shape: tuple[int, ...], dtype: str) -> te.Tensor:
        """A parameter for a streaming variable's memory."""
        return self._add(StateRef(name), shape, dtype, f"state{len(self._reads)}")

    def read_scratch(self, scratch: Scratch) -> te.Tensor:
        """A parameter for what an earlier kernel of the operator wrote."""
        return self._add(scratch, scratch.shape, str(scratch.dtype), f"scratch{len(self._reads)}")

    def constant(self, array: NDArray[Any], name: str) -> te.Tensor:
        """A parameter for an array made by lowering."""
        fixed = np.ascontiguousarray(array)
        return self._add(fixed, fixed.shape, str(fixed.dtype), name)

    def _add(self, argument: Argument, shape: tuple[int, ...], dtype: str, name: str) -> te.Tensor:
        placeholder = te.placeholder(shape or (1,), dtype, name=name)
        self._placeholders.append(placeholder)
        self._reads.append(argument)
        return placeholder

    def finish(
        self,
        result: te.Tensor,
        output: Tensor | StateRef | Scratch,
        template: Template,
        *,
        in_place: tuple[int, ...] = (),
        macs: int = 0,
        workload: Any = None,
    ) -> Kernel:
        """The kernel that computes `result` into `output`. Shapes may differ, sizes may not."""
        return Kernel(
            template=template,
            placeholders=tuple(self._placeholders),
            reads=tuple(self._reads),
            result=result,
            writes=output if isinstance(output, StateRef | Scratch) else output.index,
            in_place=in_place,
            macs=macs,
            workload=workload,
        )

"""From operators to kernels: runs each operator's lowering and wires the results together."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import tvm
from tvm import te

from edgekit.artifacts import Buffer, DType, KernelCall, LoweredModule, state_name
from edgekit.lower.kernel import Alias, Kernel, Scratch, StateRef
from edgekit.lower.operators import SUPPORTED
from edgekit.lower.view import OperatorView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from edgekit.artifacts import Graph, Operator
    from edgekit.lower.kernel import Argument

TEMPLATE = "edgekit.template"  # PrimFunc attribute: which schedule template it asks for


def assemble(graph: Graph) -> LoweredModule:
    """Lower every operator of a graph whose rules hold."""
    lowered = _Assembly(graph)
    for operator in graph.operators:
        lowered.add(operator)
    return lowered.finish()


def buffer_name(tensor: int) -> str:
    """The buffer of a graph tensor."""
    return f"t{tensor}"


class _Assembly:
    """The module under construction. Each call has a kernel of its own; codegen compiles equal ones once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._kernels: dict[str, Any] = {}
        self._calls: list[KernelCall] = []
        self._constants: dict[str, NDArray[Any]] = {}
        self._constant_names: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._buffers = _graph_buffers(graph)

    def add(self, operator: Operator) -> None:
        """Lower one operator."""
        view = OperatorView(operator, self._graph)
        for part, product in enumerate(SUPPORTED[operator.kind].lower(view)):
            if isinstance(product, Alias):
                self._alias(product)
            else:
                self._call(operator, product, part)

    def finish(self) -> LoweredModule:
        """The module, with outputs where their operators leave them: see `materialize_outputs`."""
        return LoweredModule(
            graph=self._graph,
            module=tvm.IRModule(self._kernels),
            calls=tuple(self._calls),
            buffers=self._buffers,
            constants=self._constants,
            inputs=tuple(buffer_name(i) for i in self._graph.inputs),
            outputs=tuple(buffer_name(i) for i in self._graph.outputs),
        )

    def _alias(self, alias: Alias) -> None:
        name = buffer_name(alias.output)
        self._buffers[name] = dataclasses.replace(
            self._buffers[name], alias_of=buffer_name(alias.source), alias_offset_bytes=alias.offset_bytes
        )

    def _call(self, operator: Operator, kernel: Kernel, part: int) -> None:
        self._calls.append(
            KernelCall(
                kernel=self._add_kernel(operator, kernel, part),
                operator=operator.index,
                kind=operator.kind,
                reads=tuple(self._operand(operator, argument) for argument in kernel.reads),
                writes=(self._operand(operator, kernel.writes),),
                in_place=kernel.in_place,
                macs=kernel.macs,
                workload=kernel.workload,
            )
        )

    def _add_kernel(self, operator: Operator, kernel: Kernel, part: int) -> str:
        """Add a kernel, and name it after its operator."""
        name = f"op{operator.index:03d}_{operator.kind.lower()}" + (f"_{part}" if part else "")
        function = te.create_prim_func([*kernel.placeholders, kernel.result])
        self._kernels[name] = function.with_attr(
            {
                TEMPLATE: str(kernel.template),
                "edgekit.in_place": bool(kernel.in_place),
                "global_symbol": name,
            }
        )
        return name

    def _operand(self, operator: Operator, argument: Argument) -> str:
        if isinstance(argument, StateRef):
            return state_name(argument.name)
        if isinstance(argument, Scratch):
            return self._scratch(operator, argument)
        if isinstance(argument, np.ndarray):
            return self._constant(argument)
        return buffer_name(argument)

    def _scratch(self, operator: Operator, scratch: Scratch) -> str:
        name = f"op{operator.index}:{scratch.name}"
        self._buffers[name] = Buffer(name=name, shape=scratch.shape, dtype=scratch.dtype)
        return name

    def _constant(self, array: NDArray[Any]) -> str:
        array = np.ascontiguousarray(array)
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._constant_names:
            name = f"c{len(self._constants)}"
            self._constant_names[key] = name
            self._constants[name] = array
        return self._constant_names[key]


def _graph_buffers(graph: Graph) -> dict[str, Buffer]:
    """A buffer for every tensor that is not a constant, and one for every variable."""
    tensors: Mapping[str, Buffer] = {
        buffer_name(t.index): Buffer(name=buffer_name(t.index), shape=t.shape, dtype=t.dtype, tensor=t.index)
        for t in graph.tensors
        if t.data is None and t.dtype is not DType.RESOURCE
    }
    states = {
        state_name(v.name): Buffer(name=state_name(v.name), shape=v.shape, dtype=v.dtype, is_state=True)
        for v in graph.variables
    }
    return {**tensors, **states}

"""CALL_ONCE, VAR_HANDLE, READ_VARIABLE and ASSIGN_VARIABLE: what a streaming model remembers.

Variables and their first values are read from the file by ingest; nothing is left for CALL_ONCE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.compute.movement import RowCopy, copy
from edgekit.lower.kernel import Kernel, KernelBuilder, StateRef, Template
from edgekit.lower.moves import copy_all
from edgekit.lower.rules import Support, found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.artifacts import Graph, Tensor, Variable
    from edgekit.lower.view import OperatorView


def variable_of(graph: Graph, handle: int | None) -> Variable | None:
    """The variable that a handle tensor stands for; None if no VAR_HANDLE makes it."""
    for operator in graph.operators:
        if operator.kind == "VAR_HANDLE" and handle in operator.outputs:
            name = f"{operator.options['container']}/{operator.options['shared_name']}"
            return next((variable for variable in graph.variables if variable.name == name), None)
    return None


# --------------------------------------------------------------------------------------- rules


def handle_is_known(view: OperatorView) -> str | None:
    """The variable must come straight from a VAR_HANDLE, and have a first value."""
    unknown = variable_of(view.graph, view.operator.inputs[0]) is None
    return found(unknown, f"{view.input(0).name!r} stands for no variable")


def value_fits_variable(view: OperatorView) -> str | None:
    """The value must have the variable's type and size."""
    variable, value = _variable(view), _value(view)
    like = (variable.dtype, variable.initial.size)
    return found(
        (value.dtype, value.elements) != like,
        f"{value.name!r} is {value.dtype}{list(value.shape)}, "
        f"and {variable.name!r} {variable.dtype}{list(variable.shape)}",
    )


# ------------------------------------------------------------------------------------- lowerings


def lower_nothing(_view: OperatorView) -> Sequence[Kernel]:
    """No code: handles are names, and first values are the state's initial contents."""
    return []


def lower_read(view: OperatorView) -> Sequence[Kernel]:
    """A copy of the state.

    Source: `MicroResourceVariables::Read` of tensorflow/lite/micro/micro_resource_variable.cc.
    """
    variable, kernel = _variable(view), KernelBuilder()
    state = kernel.read_state(variable.name, (variable.initial.size,), str(variable.dtype))
    load = RowCopy(1, view.output.size_bytes)
    return [kernel.finish(copy(state), view.output, Template.ELEMENTWISE, workload=load)]


def lower_assign(view: OperatorView) -> Sequence[Kernel]:
    """A copy into the state (`MicroResourceVariables::Assign`)."""
    return [copy_all(_value(view), StateRef(_variable(view).name))]


def _variable(view: OperatorView) -> Variable:
    variable = variable_of(view.graph, view.operator.inputs[0])
    assert variable is not None, view.where
    return variable


def _value(view: OperatorView) -> Tensor:
    return view.output if view.operator.kind == "READ_VARIABLE" else view.input(1)


_USE = (handle_is_known, value_fits_variable)

OPERATORS = {
    "CALL_ONCE": Support((), lower_nothing),
    "VAR_HANDLE": Support((), lower_nothing),
    "READ_VARIABLE": Support(_USE, lower_read),
    "ASSIGN_VARIABLE": Support(_USE, lower_assign),
}

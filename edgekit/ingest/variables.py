"""A streaming model's resource variables: who they are, and the value each starts with.

TFLite Micro runs CALL_ONCE's subgraph within the first invocation, and fills a variable that it does not
assign with the zero point (as an int8 byte) of the first tensor ever assigned to it
(tensorflow/lite/micro/micro_resource_variable.cc). Here both become the variable's initial value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.artifacts import DType, Variable
from edgekit.ingest.finding import unsupported
from edgekit.ingest.flatbuffer import unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from edgekit.artifacts import Tensor
    from edgekit.ingest.parsed import ParsedModel, ParsedOperator, ParsedSubgraph

MAX_STATE_BYTES = 64 << 20
_ASSIGN_VALUE = 1  # ASSIGN_VARIABLE's input that holds the value; input 0 is the handle


def variable_name(options: Mapping[str, Any]) -> str:
    """The name of the variable that a VAR_HANDLE with these options stands for."""
    return f"{options['container']}/{options['shared_name']}"


def read_variables(
    model: ParsedModel, tensors: tuple[Tensor, ...], init_tensors: Mapping[int, tuple[Tensor, ...]]
) -> tuple[Variable, ...]:
    """The variables of `model` in the order of their first VAR_HANDLE.

    `tensors` are those of the main subgraph, `init_tensors` those of the subgraphs that CALL_ONCE runs
    (`init_subgraphs` lists them). Raises UnsupportedModelError when a variable is initialised by more than
    constants, is never assigned, or changes its size.
    """
    handles = _Handles(model)
    uses = handles.uses(model.main)
    first_values: dict[str, NDArray[Any]] = {}
    for index, values in init_tensors.items():
        for operator in model.subgraphs[index].operators:
            name, value = _initial_assignment(model, handles, index, operator, values)
            if name:
                first_values[name] = value
    resources = (tensors[each[0][1]] for each in uses.values())
    _check_total(model, [*resources, *(tensor for tensor in tensors if tensor.is_variable)])
    return tuple(
        _variable(model, uses.get(name, []), tensors, name, first_values.get(name)) for name in handles.names
    )


def _check_total(model: ParsedModel, states: list[Tensor]) -> None:
    total = sum(tensor.size_bytes for tensor in states)
    if total > MAX_STATE_BYTES:
        raise unsupported(
            model.name,
            f"Its variables hold {total >> 20:,} MiB; EdgeKit takes at most {MAX_STATE_BYTES >> 20}.",
            "Keep less state in the model: a shorter window, or fewer channels.",
        )


def init_subgraphs(model: ParsedModel) -> tuple[int, ...]:
    """The subgraphs that CALL_ONCE runs. Raises an error naming the operator if that cannot be done early.

    Their effect is the same before the first invocation as within it, unless a variable is used before.
    """
    used = False
    found = []
    for operator in model.main.operators:
        used = used or operator.kind in ("READ_VARIABLE", "ASSIGN_VARIABLE")
        if operator.kind != "CALL_ONCE":
            continue
        index = operator.options["init_subgraph_index"]
        if not 0 < index < len(model.subgraphs):
            raise unreadable(f"{model.name}: {operator}", f"it runs subgraph {index}, which cannot be")
        if used:
            raise unsupported(
                f"{model.name}: {operator}",
                "It initialises variables after some were used.",
                "Create all variables before the layers that use them, and export the model again.",
            )
        found.append(index)
    return tuple(dict.fromkeys(found))


def state_variables(tensors: tuple[Tensor, ...], graph: ParsedSubgraph) -> tuple[Variable, ...]:
    """The variable tensors that an operator of `graph` uses.

    TFLite Micro fills each int8 one with its zero point, others with zeros (`ResetTensorData` of
    tensorflow/lite/micro/micro_interpreter_graph.cc).
    """
    used = {index for operator in graph.operators for index in operator.inputs}
    return tuple(
        _state_variable(tensor)
        for tensor in tensors
        if tensor.is_variable and tensor.index in used and tensor.dtype is not DType.RESOURCE
    )


def _state_variable(tensor: Tensor) -> Variable:
    zero_point = 0 if tensor.quantization is None else tensor.zero_point
    first = zero_point if tensor.dtype is DType.INT8 else 0
    initial = np.full(tensor.shape, first, tensor.dtype.value)
    initial.flags.writeable = False
    return Variable(
        name=tensor.variable_name,
        shape=tensor.shape,
        dtype=tensor.dtype,
        initial=initial,
        zero_point=zero_point,
    )


class _Handles:
    """Which tensor of which subgraph is a handle of which variable."""

    def __init__(self, model: ParsedModel) -> None:
        self._place = model.name
        self._names: dict[tuple[int, int], str] = {}
        containers: dict[str, ParsedOperator] = {}
        for graph in model.subgraphs:
            for operator in graph.operators:
                if operator.kind == "VAR_HANDLE":
                    self._names[graph.index, operator.outputs[0]] = variable_name(operator.options)
                    self._check_container(containers, operator)
        main = [name for (index, _), name in self._names.items() if index == 0]
        self.names = tuple(dict.fromkeys(main))

    def _check_container(self, containers: dict[str, ParsedOperator], operator: ParsedOperator) -> None:
        # TFLite Micro lets a handle without a container stand for any: equal names must not be told apart.
        first = containers.setdefault(operator.options["shared_name"], operator)
        if first.options["container"] != operator.options["container"]:
            raise unsupported(
                f"{self._place}: {operator}",
                f"Its variable {operator.options['shared_name']!r} is in two containers.",
                "Give every variable a name of its own, and export the model again.",
            )

    def of(self, graph: int, operator: ParsedOperator) -> str:
        """The variable that the first input of `operator` in subgraph `graph` stands for."""
        handle = operator.inputs[0]
        assert handle is not None  # its arity was checked
        if (graph, handle) not in self._names:
            raise unsupported(
                f"{self._place}: {operator}",
                "Its variable does not come straight from a VAR_HANDLE.",
                "Export the model with its variables used where they are made.",
            )
        return self._names[graph, handle]

    def uses(self, graph: ParsedSubgraph) -> dict[str, list[tuple[ParsedOperator, int]]]:
        """By variable: operators of `graph` that read or assign it, each with the tensor read or assigned."""
        found: dict[str, list[tuple[ParsedOperator, int]]] = {}
        for operator in graph.operators:
            if operator.kind == "READ_VARIABLE":
                found.setdefault(self.of(graph.index, operator), []).append((operator, operator.outputs[0]))
            elif operator.kind == "ASSIGN_VARIABLE":
                value = operator.inputs[_ASSIGN_VALUE]
                assert value is not None  # its arity was checked
                found.setdefault(self.of(graph.index, operator), []).append((operator, value))
        return found


def _initial_assignment(
    model: ParsedModel, handles: _Handles, graph: int, operator: ParsedOperator, tensors: tuple[Tensor, ...]
) -> tuple[str, NDArray[Any]]:
    """The variable that an operator of an initialising subgraph assigns, and its value; "" for VAR_HANDLE."""
    if operator.kind == "VAR_HANDLE":
        return "", np.empty(0)
    value = operator.inputs[_ASSIGN_VALUE] if operator.kind == "ASSIGN_VARIABLE" else None
    data = None if value is None else tensors[value].data
    if data is None:
        raise unsupported(
            f"{model.name}: subgraph {graph}: {operator}",
            "The initialisation of variables does more than assign constants.",
            "Initialise the model's state with constants (zeros, for most), and export it again.",
        )
    return handles.of(graph, operator), data


def _variable(
    model: ParsedModel,
    uses: list[tuple[ParsedOperator, int]],
    tensors: tuple[Tensor, ...],
    name: str,
    first_value: NDArray[Any] | None,
) -> Variable:
    used = [(operator, tensors[index]) for operator, index in uses]
    assigned = [tensor for operator, tensor in used if operator.kind == "ASSIGN_VARIABLE"]
    if not used or (first_value is None and not assigned):
        raise unsupported(
            f"{model.name}: variable {name!r}",
            "Nothing gives it a value." if used else "Nothing in the network uses it.",
            "Remove it from the model, or assign it.",
        )
    like = used[0][1]
    for operator, tensor in used:
        if (tensor.dtype, tensor.elements) != (like.dtype, like.elements):
            raise unreadable(
                f"{model.name}: {operator}",
                f"variable {name!r} is {like.dtype}{list(like.shape)} to one operator "
                f"and {tensor.dtype}{list(tensor.shape)} to another",
            )
    zero_point = next((t.zero_point for t in (*assigned, like) if t.quantization is not None), 0)
    return Variable(
        name=name,
        shape=like.shape,
        dtype=like.dtype,
        initial=_initial(model, name, like, zero_point, first_value),
        zero_point=zero_point,
    )


def _initial(
    model: ParsedModel, name: str, like: Tensor, zero_point: int, first_value: NDArray[Any] | None
) -> NDArray[Any]:
    if like.dtype is DType.RESOURCE:
        raise unreadable(f"{model.name}: variable {name!r}", "it holds a handle")
    if first_value is None:
        # Every byte is the zero point's low byte, also in wider types: that is what TFLite Micro does.
        fill = np.full(like.size_bytes, zero_point & 0xFF, np.uint8).view(like.dtype.value)
        fill.flags.writeable = False
        return fill.reshape(like.shape)
    if first_value.dtype != np.dtype(like.dtype.value) or first_value.size != like.elements:
        raise unreadable(
            f"{model.name}: variable {name!r}",
            f"its first value is {first_value.dtype}{list(first_value.shape)}, "
            f"and it is {like.dtype}{list(like.shape)}",
        )
    return first_value.reshape(like.shape)

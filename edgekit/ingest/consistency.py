"""Whether a parsed network makes sense as a graph: each part of it must have one reading.

A violation is an `UnreadableModelError`: no correct writer makes such a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.ingest.flatbuffer import unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.ingest.parsed import ParsedOperator, ParsedSubgraph

_MANY = 1 << 30

# (fewest inputs, most inputs, fewest outputs, most outputs). Inputs beyond the fewest may be absent.
_ARITY: Mapping[str, tuple[int, int, int, int]] = {
    "ADD": (2, 2, 1, 1),
    "ARG_MAX": (2, 2, 1, 1),
    "ASSIGN_VARIABLE": (2, 2, 0, 0),
    "AVERAGE_POOL_2D": (1, 1, 1, 1),
    "BATCH_MATMUL": (2, 2, 1, 1),
    "CALL_ONCE": (0, 0, 0, 0),
    "CONCATENATION": (1, _MANY, 1, 1),
    "CONV_2D": (2, 3, 1, 1),
    "DEPTHWISE_CONV_2D": (2, 3, 1, 1),
    "DEQUANTIZE": (1, 1, 1, 1),
    "EXPAND_DIMS": (2, 2, 1, 1),
    "FULLY_CONNECTED": (2, 3, 1, 1),
    "GATHER": (2, 2, 1, 1),
    "HARD_SWISH": (1, 1, 1, 1),
    "L2_NORMALIZATION": (1, 1, 1, 1),
    "LEAKY_RELU": (1, 1, 1, 1),
    "LOGISTIC": (1, 1, 1, 1),
    "MAXIMUM": (2, 2, 1, 1),
    "MAX_POOL_2D": (1, 1, 1, 1),
    "MEAN": (2, 2, 1, 1),
    "MINIMUM": (2, 2, 1, 1),
    "MIRROR_PAD": (2, 2, 1, 1),
    "MUL": (2, 2, 1, 1),
    "PACK": (1, _MANY, 1, 1),
    "PAD": (2, 2, 1, 1),
    "PADV2": (3, 3, 1, 1),
    "PRELU": (2, 2, 1, 1),
    "QUANTIZE": (1, 1, 1, 1),
    "READ_VARIABLE": (1, 1, 1, 1),
    "REDUCE_MAX": (2, 2, 1, 1),
    "REDUCE_MIN": (2, 2, 1, 1),
    "RELU": (1, 1, 1, 1),
    "RELU6": (1, 1, 1, 1),
    "RESHAPE": (1, 2, 1, 1),
    "RESIZE_BILINEAR": (2, 2, 1, 1),
    "RESIZE_NEAREST_NEIGHBOR": (2, 2, 1, 1),
    "SHAPE": (1, 1, 1, 1),
    "SLICE": (3, 3, 1, 1),
    "SOFTMAX": (1, 1, 1, 1),
    "SPLIT": (2, 2, 1, _MANY),
    "SPLIT_V": (3, 3, 1, _MANY),
    "SQUEEZE": (1, 1, 1, 1),
    "STRIDED_SLICE": (4, 4, 1, 1),
    "SUB": (2, 2, 1, 1),
    "SUM": (2, 2, 1, 1),
    # input, feature weights, time weights, bias (may be absent), state
    "SVDF": (3, 5, 1, 1),
    "TANH": (1, 1, 1, 1),
    "TRANSPOSE": (2, 2, 1, 1),
    "TRANSPOSE_CONV": (3, 4, 1, 1),
    "UNPACK": (1, 1, 1, _MANY),
    "VAR_HANDLE": (0, 0, 1, 1),
}

# Ranks that an operator's inputs must have, by position, where they are the same in every model.
_INPUT_RANKS: Mapping[str, Mapping[int, int]] = {
    "AVERAGE_POOL_2D": {0: 4},
    "CONV_2D": {0: 4, 1: 4},
    "DEPTHWISE_CONV_2D": {0: 4, 1: 4},
    "FULLY_CONNECTED": {1: 2},
    "MAX_POOL_2D": {0: 4},
    "MIRROR_PAD": {1: 2},
    "PAD": {1: 2},
    "PADV2": {1: 2},
    "RESIZE_BILINEAR": {0: 4, 1: 1},
    "RESIZE_NEAREST_NEIGHBOR": {0: 4, 1: 1},
    "SLICE": {1: 1, 2: 1},
    "STRIDED_SLICE": {1: 1, 2: 1, 3: 1},
    "SVDF": {0: 2, 1: 2, 2: 2, 4: 2},
    "TRANSPOSE": {1: 1},
    "TRANSPOSE_CONV": {0: 1, 1: 4, 2: 4},
}
_OUTPUT_RANKS: Mapping[str, int] = {
    "AVERAGE_POOL_2D": 4,
    "CONV_2D": 4,
    "DEPTHWISE_CONV_2D": 4,
    "MAX_POOL_2D": 4,
    "RESIZE_BILINEAR": 4,
    "RESIZE_NEAREST_NEIGHBOR": 4,
    "SVDF": 2,
    "TRANSPOSE_CONV": 4,
}


def check_consistency(place: str, graph: ParsedSubgraph) -> None:
    """Raise UnreadableModelError if `graph` contradicts itself. `place` names it in messages."""
    for operator in graph.operators:
        _check_arity(place, operator)
        _check_ranks(place, graph, operator)
    _check_shapes(place, graph)
    _check_edges(place, graph)
    _check_order(place, graph)


def _check_arity(place: str, operator: ParsedOperator) -> None:
    if operator.kind not in _ARITY:
        return
    fewest_in, most_in, fewest_out, most_out = _ARITY[operator.kind]
    if not fewest_in <= len(operator.inputs) <= most_in:
        raise unreadable(f"{place}: {operator}", f"it has {len(operator.inputs)} inputs")
    if not fewest_out <= len(operator.outputs) <= most_out:
        raise unreadable(f"{place}: {operator}", f"it has {len(operator.outputs)} outputs")
    if None in operator.inputs[:fewest_in]:
        missing = operator.inputs.index(None)
        raise unreadable(f"{place}: {operator}", f"its input {missing} is absent, and it cannot do without")


def _check_ranks(place: str, graph: ParsedSubgraph, operator: ParsedOperator) -> None:
    wanted = [
        (operator.inputs[position], rank)
        for position, rank in _INPUT_RANKS.get(operator.kind, {}).items()
        if position < len(operator.inputs)
    ]
    if operator.kind in _OUTPUT_RANKS:
        wanted.append((operator.outputs[0], _OUTPUT_RANKS[operator.kind]))
    for index, rank in wanted:
        if index is not None and len(graph.tensors[index].shape) != rank:
            tensor = graph.tensors[index]
            raise unreadable(
                f"{place}: {operator}",
                f"Its {tensor} has the shape {list(tensor.shape)}, and must have {rank} axes",
            )


def _check_shapes(place: str, graph: ParsedSubgraph) -> None:
    for tensor in graph.tensors:
        if tensor.signature and len(tensor.signature) != len(tensor.shape):
            raise unreadable(
                f"{place}: {tensor}",
                f"its shape {list(tensor.shape)} and its signature {list(tensor.signature)} differ in rank",
            )


def _check_edges(place: str, graph: ParsedSubgraph) -> None:
    if len(set(graph.inputs)) != len(graph.inputs):
        raise unreadable(place, f"its inputs {list(graph.inputs)} name a tensor twice")
    for index in graph.inputs:
        if graph.tensors[index].data is not None:
            raise unreadable(f"{place}: {graph.tensors[index]}", "it is both an input and a constant")


def _check_order(place: str, graph: ParsedSubgraph) -> None:
    """Operators must be in execution order, and each tensor written by one of them at most."""
    constants = {tensor.index for tensor in graph.tensors if tensor.data is not None or tensor.is_outside}
    states = {tensor.index for tensor in graph.tensors if tensor.is_variable}
    known = constants | states | set(graph.inputs)
    written: dict[int, ParsedOperator] = {}
    for operator in graph.operators:
        for index in operator.inputs:
            if index is not None and index not in known:
                raise unreadable(
                    f"{place}: {operator}", f"it reads {graph.tensors[index]}, which nothing before it writes"
                )
        for index in operator.outputs:
            if index in written or index in constants or index in graph.inputs:
                owner = str(written.get(index, "a constant" if index in constants else "an input"))
                raise unreadable(
                    f"{place}: {operator}",
                    f"it writes {graph.tensors[index]}, which is already that of {owner}",
                )
            written[index] = operator
            known.add(index)
    for index in graph.outputs:
        if index not in known:
            raise unreadable(f"{place}: {graph.tensors[index]}", "it is an output, and nothing writes it")

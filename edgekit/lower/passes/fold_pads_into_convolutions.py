"""Let convolutions do the padding that a PAD before them does."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import TYPE_CHECKING

from edgekit.lower.operators import SUPPORTED
from edgekit.lower.operators.padding import constant_padding_value, paddings_of
from edgekit.lower.view import OperatorView
from edgekit.lower.windows import EXPLICIT_PADDING

if TYPE_CHECKING:
    from edgekit.artifacts import Graph, Operator

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def fold_pads_into_convolutions(graph: Graph) -> Graph:
    """A PAD of height and width with the zero point goes where only convolutions read its output.

    Their kernels pad with the input's zero point anyway. Exact, for the PAD's input and output have the
    same scale and zero point, so that the convolutions' arithmetic does not change.
    """
    for pad in graph.operators:
        if pad.kind in ("PAD", "PADV2") and _can_be_folded(graph, pad):
            graph = _folded(graph, pad)
    return graph


def _can_be_folded(graph: Graph, pad: Operator) -> bool:
    view = OperatorView(pad, graph)
    (output,) = pad.outputs
    readers = [operator for operator in graph.operators if output in operator.inputs]
    if output in graph.outputs or any(rule(view) is not None for rule in SUPPORTED[pad.kind].rules):
        return False
    if not all(_may_pad(reader, output) for reader in readers):
        return False
    data, padded = view.input(0), view.output
    if data.quantization is None or data.quantization != padded.quantization or len(data.shape) != 4:
        return False
    batch, _, _, channels = paddings_of(view)
    return not any((*batch, *channels)) and constant_padding_value(view) == padded.zero_point


def _may_pad(reader: Operator, padded: int) -> bool:
    data, *others = reader.inputs
    is_free = reader.kind in _CONVOLUTIONS and EXPLICIT_PADDING not in reader.options
    return is_free and data == padded and padded not in others


def _folded(graph: Graph, pad: Operator) -> Graph:
    _, height, width, _ = paddings_of(OperatorView(pad, graph))

    def reading_past(operator: Operator) -> Operator:
        if not set(pad.outputs).intersection(i for i in operator.inputs if i is not None):
            return operator
        options = {**operator.options, EXPLICIT_PADDING: (height, width)}
        inputs = (pad.inputs[0], *operator.inputs[1:])
        return dataclasses.replace(operator, inputs=inputs, options=MappingProxyType(options))

    kept = tuple(reading_past(operator) for operator in graph.operators if operator is not pad)
    return dataclasses.replace(graph, operators=kept)

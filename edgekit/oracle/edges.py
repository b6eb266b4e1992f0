"""Integers that stand for the floats at a model's edges.

A build may leave the QUANTIZE after a float input, and the DEQUANTIZE before a float output, to its caller.
The interpreter runs the file as it is: it gets the floats that the caller's integers stand for, and what it
answers goes back to integers. Both are exact: a QUANTIZE gives back the integer that a float was made of.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class Form:
    """How a float tensor is held in integers: real = scale * (integer - zero_point)."""

    scale: np.float32
    zero_point: int

    def floats(self, integers: NDArray[Any]) -> NDArray[np.float32]:
        """What the integers stand for, as DEQUANTIZE has it."""
        return (integers.astype(np.float32) - np.float32(self.zero_point)) * self.scale

    def integers(self, floats: NDArray[Any], dtype: str) -> NDArray[Any]:
        """The integers that a DEQUANTIZE made these floats of."""
        centred = np.rint(floats.astype(np.float64) / np.float64(self.scale))
        return (centred.astype(np.int64) + self.zero_point).astype(dtype)


def integer_forms(model: Any, graph: Any) -> dict[int, Form]:
    """By float tensor of a subgraph: the form that a QUANTIZE gives it, or that a DEQUANTIZE makes it of."""
    import tflite

    kinds = {tflite.BuiltinOperator.QUANTIZE: (0, 1), tflite.BuiltinOperator.DEQUANTIZE: (1, 0)}
    forms = {}
    for position in range(graph.OperatorsLength()):
        operator = graph.Operators(position)
        code = model.OperatorCodes(operator.OpcodeIndex())
        sides = kinds.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()))
        if sides is None:
            continue
        ends = (operator.Inputs(0), operator.Outputs(0))
        if graph.Tensors(ends[sides[0]]).Type() != tflite.TensorType.FLOAT32:
            continue  # from integers to integers
        parameters = graph.Tensors(ends[sides[1]]).Quantization()
        if parameters is not None and parameters.ScaleLength() == parameters.ZeroPointLength() == 1:
            form = Form(np.float32(parameters.Scale(0)), int(parameters.ZeroPoint(0)))
            forms[int(ends[sides[0]])] = form
    return forms

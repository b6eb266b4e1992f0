"""LiteRT's reference kernels, for operators that the oracle lacks; never for whole models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def run_litert_reference(
    flatbuffer: bytes, frames: Sequence[tuple[NDArray[Any], ...]]
) -> list[tuple[NDArray[Any], ...]]:
    """Outputs of a one-operator model by LiteRT's BUILTIN_REF kernels, for frames in sequence.

    The state of variables is carried from frame to frame. FULLY_CONNECTED rounds once here and
    twice in the oracle, and whole models differ in some outputs: only operators that the oracle
    does not have are checked with this.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=flatbuffer, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    interpreter.allocate_tensors()
    inputs = [described["index"] for described in interpreter.get_input_details()]
    outputs = [described["index"] for described in interpreter.get_output_details()]
    answers = []
    for frame in frames:
        for index, array in zip(inputs, frame, strict=True):
            interpreter.set_tensor(index, array)
        interpreter.invoke()
        answers.append(tuple(interpreter.get_tensor(index).copy() for index in outputs))
    return answers

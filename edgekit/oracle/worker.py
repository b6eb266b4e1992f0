"""The process in which the interpreter lives: reads requests on stdin, answers on stdout.

A request is one whole job: a model, its frames, and the tensors to look at after each of them.
This file alone imports tflite_micro.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from edgekit.oracle.messages import Arrays, read_message, write_message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def serve() -> None:
    """Answer requests until stdin ends."""
    # Whatever the interpreter prints on stdout must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    while (request := read_message(sys.stdin.buffer)) is not None:
        header, arrays = request
        try:
            results = _interpret(header, arrays)
        except Exception as error:  # whatever it is, the client tells the user
            write_message(answers, {"error": f"{type(error).__name__}: {error}"}, {})
        else:
            write_message(answers, {"error": None}, results)


def _interpret(header: Mapping[str, Any], arrays: Arrays) -> Arrays:
    from tflite_micro.python.tflite_micro import runtime

    configs = runtime.InterpreterConfig
    looking: list[int] = header["tensors"]
    interpreter = runtime.Interpreter.from_bytes(
        arrays["model"].tobytes(),
        arena_size=header["arena_bytes"],
        intrepreter_config=configs.kPreserveAllTensors if looking else configs.kAllocationRecording,
    )
    results: Arrays = {}
    for frame in range(header["frames"]):
        for i in range(header["inputs"]):
            interpreter.set_input(arrays[f"input/{frame}/{i}"], i)
        interpreter.invoke()
        for i in range(header["outputs"]):
            results[f"output/{frame}/{i}"] = _copied(interpreter.get_output(i))
        for index in looking if frame >= header["look_from"] else ():
            found = interpreter.GetTensor(index, 0)["tensor_data"]
            results[f"tensor/{frame}/{index}"] = _copied(found)
    return results


def _copied(array: NDArray[Any]) -> NDArray[Any]:
    """The interpreter reuses its memory at the next frame."""
    return array.copy()


if __name__ == "__main__":
    serve()

"""Invoke a model by LiteRT with one thread, marking before each invocation by a system call.

Run as a program by the Python of the emulated userland, under a QEMU that counts between marks
(`edgekit.devices.emulated.litert`):

    litert_count.py MODEL INPUTS RUNS

INPUTS holds one frame as `edgekit.devices.frames` packs it. RUNS invocations are followed by as many
calls of nothing, which show what the loop and the marks cost. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def main(argv: list[str]) -> None:
    """Run the model and print what it was run by."""
    model, inputs, runs = argv[0], Path(argv[1]).read_bytes(), int(argv[2])
    interpreter = Interpreter(model_path=model, num_threads=1)
    interpreter.allocate_tensors()
    _feed(interpreter, inputs)
    # The method of the extension module itself: what Python adds around it is none of the engine's work.
    invoke, nothing, mark = interpreter._interpreter.Invoke, ().__len__, os.getppid
    calls = [invoke] * runs + [nothing] * runs
    for call in calls:
        mark()
        call()
    mark()
    operators = [operator["op_name"] for operator in interpreter._get_ops_details()]
    print(json.dumps({"version": version("ai-edge-litert"), "operators": operators}))  # noqa: T201


def _feed(interpreter: Interpreter, content: bytes) -> None:
    start = 0
    for detail in interpreter.get_input_details():
        count = int(np.prod(detail["shape"], dtype=np.int64))
        array = np.frombuffer(content, detail["dtype"], count, start)
        interpreter.set_tensor(detail["index"], array.reshape(detail["shape"]))
        start += array.nbytes


if __name__ == "__main__":
    main(sys.argv[1:])

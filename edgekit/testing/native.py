"""Run a model on this machine the way a build would, without a bundle: for operator tests."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tvm

from edgekit.artifacts import DType
from edgekit.codegen import generate, library_name, resolve_host_cpu
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.runtime.edgekit_model import Model
from edgekit.schedule import schedule
from edgekit.target import load_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.artifacts import LoweredModule
    from edgekit.target import Target

    Frame = Sequence[NDArray[Any]]


def run_canonical(flatbuffer: bytes, frames: Sequence[Frame]) -> list[tuple[NDArray[Any], ...]]:
    """Outputs of each frame in turn, by the kernels that lowering gives, unscheduled.

    `frames` holds one array per model input; a streaming model's state is carried from one to the next.
    """
    module = lower(read_tflite(flatbuffer, name="model"))
    library = tvm.compile(module.module, target="llvm")
    memory = _memory(module)
    results = []
    for frame in frames:
        for name, value in zip(module.inputs, frame, strict=True):
            memory[name][...] = value
        for call in module.calls:
            operands = [
                memory[n] if n in memory else module.constants[n] for n in (*call.reads, *call.writes)
            ]
            _invoke(library[call.kernel], module.module[call.kernel], operands)
        results.append(tuple(_value(module, memory, name) for name in module.outputs))
    return results


def run_native(
    flatbuffer: bytes, frames: Sequence[Frame], target: Target | None = None
) -> list[tuple[NDArray[Any], ...]]:
    """Outputs of each frame in turn, by the library that a build for this machine ships.

    Another `target` must be one whose code this machine runs too.
    """
    target = resolve_host_cpu(target or load_target("host"))
    model = read_tflite(flatbuffer, name="model")
    code = generate(model, schedule(lower(model), target))
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        path = Path(folder) / library_name("model")
        path.write_bytes(code.files[path.name])
        instance = Model(str(path))
        return [tuple(instance.invoke(*frame)) for frame in frames]


def _value(module: LoweredModule, memory: dict[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name in memory:
        return memory[name].copy()
    data = module.graph.tensors[int(name[1:])].data  # an output that is a constant
    assert data is not None, name
    return data.copy()


def _memory(module: LoweredModule) -> dict[str, NDArray[Any]]:
    """An array per buffer; aliases are views."""
    memory: dict[str, NDArray[Any]] = {}
    initial = {f"state:{v.name}": v.initial for v in module.graph.variables}
    for name, buffer in module.buffers.items():
        if buffer.alias_of is None and buffer.dtype is not DType.RESOURCE:
            memory[name] = np.zeros(buffer.shape, str(buffer.dtype))
            if name in initial:
                memory[name][...] = initial[name].reshape(buffer.shape)
    pending = {n: b for n, b in module.buffers.items() if b.alias_of is not None}
    while pending:
        for name, buffer in list(pending.items()):
            if buffer.alias_of in memory:
                raw = memory[buffer.alias_of].reshape(-1).view(np.uint8)[buffer.alias_offset_bytes :]
                memory[name] = raw[: buffer.size_bytes].view(str(buffer.dtype)).reshape(buffer.shape)
                del pending[name]
    return memory


def _invoke(function: Any, definition: Any, operands: list[NDArray[Any]]) -> None:
    arguments = []
    for operand, parameter in zip(operands, definition.params, strict=True):
        shape = [int(n) for n in parameter.ty.shape]
        arguments.append(tvm.runtime.tensor(np.ascontiguousarray(operand).reshape(shape)))
    function(*arguments)
    operands[-1].reshape(-1)[...] = arguments[-1].numpy().reshape(-1)

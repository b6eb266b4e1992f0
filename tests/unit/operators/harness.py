"""How operator tests compare: one small model, EdgeKit's kernels against the reference, every bit.

The reference is TFLite Micro's interpreter. What it lacks is compared with LiteRT's reference
kernels instead, and a family's tests then list it, with the reason, in `LITERT_REFERENCED`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgekit.errors import UnsupportedModelError
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.lower.rules import message
from edgekit.oracle import run_oracle
from edgekit.testing.int8 import assert_same_bits
from edgekit.testing.native import run_native
from edgekit.testing.tflite_builder import ModelBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.lower.rules import Rule
    from edgekit.testing.tflite_builder import TensorSpec

    Frame = tuple[NDArray[Any], ...]

_RANDOM_FRAMES = 3


def assert_matches_oracle(flatbuffer: bytes, frames: Sequence[Frame] | int = 0) -> None:
    """Fail unless EdgeKit computes what TFLite Micro does. An int seeds random and extreme frames."""
    frames = random_frames(flatbuffer, frames) if isinstance(frames, int) else frames
    _assert_same(run_native(flatbuffer, frames), run_oracle(flatbuffer, frames))


def assert_matches_litert(flatbuffer: bytes, frames: Sequence[Frame] | int = 0) -> None:
    """Fail unless EdgeKit computes what LiteRT's reference kernels do (for stateless models)."""
    frames = random_frames(flatbuffer, frames) if isinstance(frames, int) else frames
    _assert_same(run_native(flatbuffer, frames), run_litert(flatbuffer, frames))


def run_litert(flatbuffer: bytes, frames: Sequence[Frame]) -> list[Frame]:
    """Outputs of each frame, by LiteRT's BUILTIN_REF kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=flatbuffer, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    results = []
    for frame in frames:
        for detail, value in zip(interpreter.get_input_details(), frame, strict=True):
            interpreter.set_tensor(detail["index"], value)
        interpreter.invoke()
        outputs = interpreter.get_output_details()
        results.append(tuple(interpreter.get_tensor(detail["index"]).copy() for detail in outputs))
    return results


def assert_refused(flatbuffer: bytes, rule: Rule) -> str:
    """Fail unless lowering refuses the model with `rule`'s sentence; the whole reason is returned."""
    with pytest.raises(UnsupportedModelError) as refusal:
        lower(read_tflite(flatbuffer, name="model"))
    assert message(rule) in str(refusal.value), str(refusal.value)
    return str(refusal.value)


def random_frames(flatbuffer: bytes, seed: int = 0) -> list[Frame]:
    """Frames over each input's whole range: all lowest, all highest, and random ones."""
    random = np.random.default_rng(seed)
    graph = read_tflite(flatbuffer, name="model").graph
    inputs = [graph.tensors[index] for index in graph.inputs]
    frames: list[Frame] = []
    for position in range(2 + _RANDOM_FRAMES):
        arrays = [_values(random, tensor.shape, str(tensor.dtype), position) for tensor in inputs]
        frames.append(tuple(arrays))
    return frames


def every_int8(shape: tuple[int, ...] = (1, 256)) -> NDArray[np.int8]:
    """All 256 values of an int8, in a given shape."""
    return np.arange(-128, 128).astype(np.int8).reshape(shape)


def unary(
    kind: str,
    shape: Sequence[int] = (1, 256),
    *,
    scale: float,
    zero_point: int = 0,
    output: TensorSpec,
    dtype: str = "int8",
    **options: Any,
) -> bytes:
    """A model of one operator of one input."""
    model = ModelBuilder()
    x = model.input(shape, dtype, None if dtype == "float32" else scale, zero_point)
    model.op(kind, [x], output, **options)
    return model.build()


def _values(random: np.random.Generator, shape: tuple[int, ...], dtype: str, position: int) -> NDArray[Any]:
    if dtype == "bool":
        return random.integers(0, 2, shape).astype(bool)
    if dtype == "float32":
        return random.normal(0, 3, shape).astype(np.float32)
    limits = np.iinfo(dtype)
    if position < 2:
        return np.full(shape, (limits.min, limits.max)[position], dtype)
    return random.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def _assert_same(actual: Sequence[Frame], expected: Sequence[Frame]) -> None:
    for frame, (ours, theirs) in enumerate(zip(actual, expected, strict=True)):
        for output, (mine, reference) in enumerate(zip(ours, theirs, strict=True)):
            assert_same_bits(mine, reference, f"frame {frame}, output {output}")

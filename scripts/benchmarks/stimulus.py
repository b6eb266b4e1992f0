"""The input that TFLite Micro's figures were taken with (tflm.py), so that ours are of the very same work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.artifacts import DType
from edgekit.package.golden import is_streaming

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edgekit.artifacts import Graph, Tensor

_SEED = 12345
_STREAMING_FRAMES = 10  # the last of them is counted


def stimulus(graph: Graph) -> list[tuple[NDArray[Any], ...]]:
    """The frames to run, of which the last is counted: one, or ten for a streaming model.

    A linear congruential generator of 32 bits, seeded once, gives the bytes, row-major. A float input that
    a QUANTIZE reads is what that would make such int8 values of.
    """
    frames = _STREAMING_FRAMES if is_streaming(graph) else 1
    values = _bytes()
    return [tuple(_fill(graph, graph.tensors[i], values) for i in graph.inputs) for _ in range(frames)]


def fnv(content: bytes) -> str:
    """FNV-1a of 32 bits, its bytes in little-endian order in hex."""
    state = 2166136261
    for byte in content:
        state = (state ^ byte) * 16777619 % (1 << 32)
    return state.to_bytes(4, "little").hex()


def _bytes() -> Iterator[int]:
    state = _SEED
    while True:
        state = (state * 1664525 + 1013904223) % (1 << 32)
        yield state >> 24


def _fill(graph: Graph, tensor: Tensor, values: Iterator[int]) -> NDArray[Any]:
    width = 1 if tensor.dtype is DType.FLOAT32 else tensor.dtype.itemsize
    content = bytes(next(values) for _ in range(tensor.elements * width))
    if tensor.dtype is not DType.FLOAT32:
        return np.frombuffer(content, tensor.dtype.value).reshape(tensor.shape)
    integers = np.frombuffer(content, np.int8).reshape(tensor.shape)
    quantized = next(
        graph.tensors[operator.outputs[0]]
        for operator in graph.operators
        if operator.kind == "QUANTIZE" and operator.inputs[0] == tensor.index
    )
    centred = (integers.astype(np.int32) - quantized.zero_point).astype(np.float32)
    return centred * np.float32(quantized.scale)

"""Golden vectors: seeded inputs, and what the oracle answers to them."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.artifacts import DType, Golden
from edgekit.devices.frames import frames_of
from edgekit.errors import OracleCannotRunError
from edgekit.oracle import oracle_available, oracle_version, run_oracle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.artifacts import Graph, QuantizedModel, Tensor

STATELESS_VECTORS = 20
STREAMING_VECTORS = 100
_FEWEST_VECTORS = 2
# The oracle's kernels do some 300 million multiply-accumulates a second: this is about 7 seconds.
_ORACLE_MACS = 2_000_000_000


def is_streaming(graph: Graph) -> bool:
    """Whether the network keeps anything from one invocation to the next."""
    return bool(graph.variables) or any(tensor.is_variable for tensor in graph.tensors)


def default_vectors(graph: Graph, macs: int) -> int:
    """How many frames to check: 100 for a streaming model, else 20; fewer for a very large one."""
    wanted = STREAMING_VECTORS if is_streaming(graph) else STATELESS_VECTORS
    return max(_FEWEST_VECTORS, min(wanted, _ORACLE_MACS // max(macs, 1)))


def make_golden(model: QuantizedModel, *, vectors: int, seed: int = 0) -> Golden:
    """Random frames and the oracle's answers to them; where it cannot answer, the frames and why.

    The same model, count and seed give the same frames on every machine. An operator that the oracle
    lacks is held against LiteRT's reference in EdgeKit's own tests, one operator at a time; no whole
    model is, for the two differ elsewhere.
    """
    inputs = random_frames(model.graph, vectors, seed)
    if not oracle_available():
        return Golden(inputs=inputs, outputs=None, oracle=None, unchecked="The oracle is not installed here.")
    try:
        types = [model.graph.tensors[index].dtype.value for index in model.graph.outputs]
        answers = run_oracle(model.flatbuffer, list(frames_of(inputs)), types)
    except OracleCannotRunError as error:
        return Golden(inputs=inputs, outputs=None, oracle=None, unchecked=error.why)
    outputs = tuple(np.stack(column) for column in zip(*answers, strict=True))
    return Golden(inputs=inputs, outputs=outputs, oracle=oracle_version())


def random_frames(graph: Graph, vectors: int, seed: int = 0) -> tuple[NDArray[Any], ...]:
    """Inputs of a network: one array each, with `vectors` frames on its leading axis."""
    generator = np.random.Generator(np.random.PCG64(seed))
    return tuple(_random_input(graph, index, vectors, generator) for index in graph.inputs)


def golden_bytes(golden: Golden) -> bytes:
    """The content of golden.npz: "input/<i>" and "output/<i>". The same arrays give the same bytes."""
    arrays = {f"input/{i}": array for i, array in enumerate(golden.inputs)}
    arrays |= {f"output/{i}": array for i, array in enumerate(golden.outputs or ())}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            # A ZipInfo of its own carries a fixed date; numpy's savez would write the hour.
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content.getvalue())
    return packed.getvalue()


def _random_input(graph: Graph, index: int, vectors: int, generator: np.random.Generator) -> NDArray[Any]:
    """Frames of one input: every second one over the full range, the others in a narrow band.

    Full-range noise alone drives many networks into saturation, where a wrong answer looks right.
    """
    tensor = graph.tensors[index]
    shape = (vectors, *tensor.shape)
    if tensor.dtype is DType.BOOL:
        return generator.integers(0, 2, shape, dtype=np.int64).astype(np.bool_)
    if tensor.dtype in (DType.INT32, DType.INT64):
        return generator.integers(0, _index_limit(graph, index), shape).astype(tensor.dtype.value)
    quantized = _quantized_form(graph, index)
    kind = np.dtype(np.int8 if tensor.dtype is DType.FLOAT32 else tensor.dtype.value)
    if quantized is not None:
        kind = np.dtype(quantized.dtype.value)
    integers = _banded(np.iinfo(kind), shape, generator).astype(kind)
    if tensor.dtype is not DType.FLOAT32:
        return integers
    if quantized is None or quantized.quantization is None:
        return (integers / np.float32(128)).astype(np.float32)
    centred = integers.astype(np.float32) - np.float32(quantized.zero_point)
    return (centred * np.float32(quantized.scale)).astype(np.float32)


def _banded(
    limits: np.iinfo[Any], shape: tuple[int, ...], generator: np.random.Generator
) -> NDArray[np.int64]:
    values = generator.integers(limits.min, limits.max + 1, shape, dtype=np.int64)
    span = limits.max - limits.min + 1
    for frame in range(1, shape[0], 2):
        low = generator.integers(limits.min, limits.max + 1)
        width = generator.integers(1, span // 4)
        band = low + (values[frame] - limits.min) * width // span
        values[frame] = np.minimum(band, limits.max)
    return values


def _quantized_form(graph: Graph, index: int) -> Tensor | None:
    """The integer tensor that a float input is quantized to, if that is what is done with it first."""
    if graph.tensors[index].dtype is not DType.FLOAT32:
        return None
    for operator in graph.operators:
        if operator.kind == "QUANTIZE" and operator.inputs[0] == index:
            return graph.tensors[operator.outputs[0]]
    return None


def _index_limit(graph: Graph, index: int) -> int:
    """One more than the largest integer that may be fed: an axis's length where GATHER looks it up."""
    limits = [128]
    for operator in graph.operators:
        if operator.kind == "GATHER" and operator.inputs[1] == index and operator.inputs[0] is not None:
            shape = graph.tensors[operator.inputs[0]].shape
            limits.append(shape[int(operator.options.get("axis", 0))])
    return min(limits)

"""Each operator that EdgeKit builds and a float model may have: quantized, it is int8 and answers alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from edgekit.artifacts import DType, QuantizedModel
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.oracle import run_oracle
from edgekit.quantize.core import LeftInFloat, to_int8
from edgekit.quantize.options import Interface, Quantization
from edgekit.testing.litert_reference import run_litert_reference
from edgekit.testing.tflite_builder import ModelBuilder, spec

RANDOM = np.random.default_rng(5)
SHAPE = (1, 6, 6, 4)
SAMPLES = 12
CONV: dict[str, Any] = {"padding": "SAME", "stride_w": 1, "stride_h": 1}
POOL: dict[str, Any] = {**CONV, "filter_width": 2, "filter_height": 2}

Build = Callable[[ModelBuilder, int], int]


def floats(*shape: int, scale: float = 0.5) -> Any:
    return (scale * RANDOM.standard_normal(shape)).astype(np.float32)


def integers(values: Sequence[int]) -> Any:
    return np.array(values, np.int32)


def real(shape: Sequence[int], dtype: str = "float32") -> Any:
    return spec(shape, dtype)


def simple(kind: str, shape: Sequence[int] = SHAPE, *constants: Any, **options: Any) -> Build:
    """One operator that reads the input, then constants."""

    def build(model: ModelBuilder, x: int) -> int:
        return model.op(kind, [x, *(model.constant(c) for c in constants)], real(shape), **options)

    return build


def squeezed(model: ModelBuilder, x: int) -> int:
    picked = model.op(
        "STRIDED_SLICE",
        [x, *(model.constant(integers(v)) for v in ([0, 0, 0, 0], [1, 1, 6, 4], [1, 1, 1, 1]))],
        real((1, 1, 6, 4)),
    )
    return model.op("SQUEEZE", [picked], real((1, 6, 4)), squeeze_dims=[1])


def halves(kind: str) -> Build:
    """SPLIT or SPLIT_V into unequal fates: the halves are multiplied."""

    def build(model: ModelBuilder, x: int) -> int:
        axis = model.constant(integers([3])[0])
        sizes = model.constant(integers([2, 2]))
        inputs = [axis, x] if kind == "SPLIT" else [x, sizes, axis]
        half = model.op(kind, inputs, [real((1, 6, 6, 2))] * 2, num_splits=2)
        return model.op("MUL", [half, half + 1], real((1, 6, 6, 2)))

    return build


def first_half(model: ModelBuilder, x: int) -> int:
    """Nobody reads the other half."""
    half = model.op("SPLIT", [model.constant(integers([3])[0]), x], [real((1, 6, 6, 2))] * 2, num_splits=2)
    model.output(model.op("TANH", [half], real((1, 6, 6, 2))))
    return half


def packed_again(model: ModelBuilder, x: int) -> int:
    row = model.op("UNPACK", [x], [real((1, 6, 4))] * 6, num=6, axis=1)
    return model.op("PACK", [row + 5, row], real((1, 2, 6, 4)), values_count=2, axis=1)


def transposed(model: ModelBuilder, x: int) -> int:
    sizes, weights = model.constant(integers([1, 12, 12, 3])), model.constant(floats(3, 3, 3, 4))
    options = {**CONV, "stride_w": 2, "stride_h": 2}
    return model.op("TRANSPOSE_CONV", [sizes, weights, x], real((1, 12, 12, 3)), **options)


def gathered(model: ModelBuilder, x: int) -> int:
    return model.op("GATHER", [x, model.constant(integers([2, 0]))], real((1, 6, 6, 2)), axis=3)


def multiplied(model: ModelBuilder, x: int) -> int:
    rows = model.op("RESHAPE", [x, model.constant(integers([1, 36, 4]))], real((1, 36, 4)))
    return model.op("BATCH_MATMUL", [rows, rows], real((1, 36, 36)), adj_y=True)


def joined(model: ModelBuilder, x: int) -> int:
    scaled = model.op("MUL", [x, model.constant(floats(1, 1, 1, 4))], real(SHAPE))
    return model.op("CONCATENATION", [x, scaled], real((1, 6, 6, 8)), axis=3)


def in_a_row(model: ModelBuilder, x: int) -> int:
    """Operators that the quantizer does not know, one after the other."""
    leaky = model.op("LEAKY_RELU", [x], real(SHAPE), alpha=0.1)
    expanded = model.op("EXPAND_DIMS", [leaky, model.constant(integers([1])[0])], real((1, 1, 6, 6, 4)))
    squeezed = model.op("SQUEEZE", [expanded], real(SHAPE), squeeze_dims=[1])
    return model.op("PRELU", [squeezed, model.constant(floats(1, 1, 4))], real(SHAPE))


def place_of_greatest(model: ModelBuilder, x: int) -> int:
    """Its answer has no scale, and so it is no case of those below."""
    constants = [model.constant(floats(5, 1, 1, 4)), model.constant(floats(5))]
    y = model.op("CONV_2D", [x, *constants], real((1, 6, 6, 5)), **CONV)
    axis = model.constant(integers([3])[0])
    return model.op("ARG_MAX", [y, axis], real((1, 6, 6), "int32"), output_type="INT32")


CASES: dict[str, Build] = {
    "CONV_2D": simple("CONV_2D", (1, 6, 6, 5), floats(5, 3, 3, 4), floats(5), **CONV),
    "CONV_2D with a RELU6": simple(
        "CONV_2D", (1, 6, 6, 5), floats(5, 3, 3, 4), floats(5), **CONV, fused_activation_function="RELU6"
    ),
    "DEPTHWISE_CONV_2D": simple(
        "DEPTHWISE_CONV_2D", SHAPE, floats(1, 3, 3, 4), floats(4), **CONV, depth_multiplier=1
    ),
    "FULLY_CONNECTED": simple("FULLY_CONNECTED", (1, 7), floats(7, 144), floats(7)),
    "TRANSPOSE_CONV": transposed,
    "BATCH_MATMUL": multiplied,
    "ADD": simple("ADD", SHAPE, floats(1, 1, 1, 4)),
    "SUB": simple("SUB", SHAPE, floats(1, 1, 1, 4)),
    "MUL": simple("MUL", SHAPE, floats(1, 1, 1, 4)),
    "MAXIMUM": simple("MAXIMUM", SHAPE, floats(1, 1, 1, 4)),
    "MAXIMUM with a constant of fewer axes": simple("MAXIMUM", SHAPE, floats(4)),
    "MINIMUM": simple("MINIMUM", SHAPE, floats(1, 1, 1, 4)),
    "MINIMUM with one number": simple("MINIMUM", SHAPE, np.float32(0.5)),
    "PRELU": simple("PRELU", SHAPE, floats(1, 1, 4)),
    "RELU": simple("RELU"),
    "RELU6": simple("RELU6"),
    "LEAKY_RELU": simple("LEAKY_RELU", alpha=0.2),
    "HARD_SWISH": simple("HARD_SWISH"),
    "LOGISTIC": simple("LOGISTIC"),
    "TANH": simple("TANH"),
    "SOFTMAX": simple("SOFTMAX", beta=1.0),
    "L2_NORMALIZATION": simple("L2_NORMALIZATION"),
    "AVERAGE_POOL_2D": simple("AVERAGE_POOL_2D", SHAPE, **POOL),
    "MAX_POOL_2D": simple("MAX_POOL_2D", SHAPE, **POOL),
    "MEAN": simple("MEAN", (1, 4), integers([1, 2])),
    "SUM": simple("SUM", (1, 4), integers([1, 2])),
    "REDUCE_MAX": simple("REDUCE_MAX", (1, 4), integers([1, 2])),
    "REDUCE_MIN": simple("REDUCE_MIN", (1, 4), integers([1, 2])),
    "PAD": simple("PAD", (1, 8, 8, 4), np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32)),
    "PADV2": simple(
        "PADV2", (1, 8, 8, 4), np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32), np.float32(-0.5)
    ),
    "MIRROR_PAD": simple(
        "MIRROR_PAD", (1, 8, 8, 4), np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32), mode="REFLECT"
    ),
    "RESHAPE": simple("RESHAPE", (1, 144), integers([1, 144])),
    "TRANSPOSE": simple("TRANSPOSE", (1, 4, 6, 6), integers([0, 3, 1, 2])),
    "EXPAND_DIMS": simple("EXPAND_DIMS", (1, 6, 1, 6, 4), integers([2])[0]),
    "SQUEEZE": squeezed,
    "SLICE": simple("SLICE", (1, 3, 6, 4), integers([0, 2, 0, 0]), integers([1, 3, 6, 4])),
    "STRIDED_SLICE": simple(
        "STRIDED_SLICE",
        (1, 3, 3, 4),
        integers([0, 0, 0, 0]),
        integers([1, 6, 6, 4]),
        integers([1, 2, 2, 1]),
    ),
    "SPLIT": halves("SPLIT"),
    "SPLIT_V": halves("SPLIT_V"),
    "SPLIT with a half that nobody reads": first_half,
    "PACK and UNPACK": packed_again,
    "GATHER": gathered,
    "CONCATENATION": joined,
    "RESIZE_BILINEAR": simple("RESIZE_BILINEAR", (1, 12, 12, 4), integers([12, 12])),
    "RESIZE_NEAREST_NEIGHBOR": simple("RESIZE_NEAREST_NEIGHBOR", (1, 12, 12, 4), integers([12, 12])),
    "four unknown to the quantizer in a row": in_a_row,
}


def float_model(build: Build) -> bytes:
    model = ModelBuilder()
    build(model, model.input(SHAPE, "float32"))
    return model.build()


def quantized(flatbuffer: bytes, inputs: Any, options: Quantization) -> QuantizedModel:
    result = to_int8(flatbuffer, [inputs], options, lambda _stage, _share: None)
    assert isinstance(result, bytes), result
    return read_tflite(result, name="quantized")


def deviation_in_steps(flatbuffer: bytes, model: QuantizedModel, inputs: Any) -> float:
    """The greatest distance of an int8 answer from the float model's, in steps of the output's scale."""
    graph = model.graph
    x, y = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    stored = np.clip(np.round(inputs / x.scale) + x.zero_point, -128, 127).astype(np.int8)
    answers = run_oracle(model.flatbuffer, [(stored[i : i + 1],) for i in range(SAMPLES)])
    wanted = run_litert_reference(flatbuffer, [(inputs[i : i + 1],) for i in range(SAMPLES)])
    return max(
        float(np.abs((answer[0].astype(np.float64) - y.zero_point) - truth[0] / y.scale).max())
        for answer, truth in zip(answers, wanted, strict=True)
    )


@pytest.mark.parametrize("name", CASES)
def test_an_operator_that_edgekit_builds_is_quantized_and_answers_as_the_float_one_does(name: str) -> None:
    flatbuffer = float_model(CASES[name])
    inputs = floats(SAMPLES, *SHAPE[1:], scale=1.0)
    model = quantized(flatbuffer, inputs, Quantization())
    lower(model)
    kinds = [operator.kind for operator in model.graph.operators]
    assert "DEQUANTIZE" not in kinds
    assert all(tensor.dtype in (DType.INT8, DType.INT32) for tensor in model.graph.tensors)
    # The input's rounding alone is half a step; a product of two has both factors', in its own steps.
    assert deviation_in_steps(flatbuffer, model, inputs) < 6.0


@pytest.mark.parametrize("name", ["CONV_2D", "four unknown to the quantizer in a row", "EXPAND_DIMS"])
def test_with_a_float_interface_floats_are_at_the_edges_alone(name: str) -> None:
    inputs = floats(SAMPLES, *SHAPE[1:], scale=1.0)
    model = quantized(float_model(CASES[name]), inputs, Quantization(interface=Interface.FLOAT))
    kinds = [operator.kind for operator in model.graph.operators]
    assert (kinds[0], kinds[-1]) == ("QUANTIZE", "DEQUANTIZE")
    assert "DEQUANTIZE" not in kinds[:-1]
    graph = model.graph
    assert [graph.tensors[i].dtype for i in (*graph.inputs, *graph.outputs)] == [DType.FLOAT32] * 2


def test_the_greatest_elements_place_is_sought_among_integers() -> None:
    inputs = floats(SAMPLES, *SHAPE[1:], scale=1.0)
    model = quantized(float_model(place_of_greatest), inputs, Quantization())
    assert [operator.kind for operator in model.graph.operators] == ["CONV_2D", "ARG_MAX"]
    lower(model)


def test_weights_have_a_scale_for_each_channel_and_biases_are_int32() -> None:
    inputs = floats(SAMPLES, *SHAPE[1:], scale=1.0)
    for kind, axis in (("CONV_2D", 0), ("DEPTHWISE_CONV_2D", 3), ("FULLY_CONNECTED", 0)):
        graph = quantized(float_model(CASES[kind]), inputs, Quantization()).graph
        _, weights, bias = (graph.tensors[i] for i in graph.operators[0].inputs if i is not None)
        assert weights.quantization is not None
        assert weights.quantization.axis == axis
        assert len(weights.quantization.scales) == weights.shape[axis]
        assert (weights.dtype, bias.dtype) == (DType.INT8, DType.INT32)


def test_an_operator_without_an_integer_form_is_named_before_any_sample_is_run() -> None:
    flatbuffer = float_model(simple("ELU"))
    never = np.full((SAMPLES, *SHAPE[1:]), np.nan, np.float32)  # would be found out if it were run
    result = to_int8(flatbuffer, [never], Quantization(), lambda _stage, _share: None)
    assert isinstance(result, LeftInFloat)
    assert [(operator.kind, operator.output) for operator in result.operators] == [("ELU", "elu_1")]

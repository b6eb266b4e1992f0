"""What the reader gives for models that can be built."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgekit.artifacts import DType, Quantization
from edgekit.ingest import read_tflite, variable_name
from edgekit.testing.models import ALL, STREAMING, model_path
from edgekit.testing.tflite_builder import ModelBuilder, pack, spec

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.artifacts import Graph

WEIGHTS = np.arange(-54, 54, dtype=np.int8).reshape(4, 3, 3, 3)
BIAS = np.array([-1, 0, 2**31 - 1, -(2**31)], np.int32)
WEIGHT_SCALES = (0.1, 0.2, 1e-8, 3e30)


def convolution() -> ModelBuilder:
    model = ModelBuilder()
    x = model.input((1, 8, 8, 3), scale=0.1, zero_point=-128, signature=(-1, 8, 8, 3))
    weights = model.constant(WEIGHTS, WEIGHT_SCALES)
    bias = model.constant(BIAS)
    model.op(
        "CONV_2D",
        [x, weights, bias],
        spec((1, 4, 4, 4), scale=0.5, zero_point=127),
        version=3,
        padding="SAME",
        stride_w=2,
        stride_h=2,
        fused_activation_function="RELU6",
    )
    return model


def float32(value: float) -> float:
    return float(np.float32(value))


def test_a_convolution_is_read_whole() -> None:
    flatbuffer = convolution().build()
    model = read_tflite(flatbuffer, "net")
    graph = model.graph

    assert model.name == graph.name == "net"
    assert model.flatbuffer == flatbuffer
    assert model.digest == hashlib.sha256(flatbuffer).hexdigest()
    assert (graph.inputs, graph.outputs) == ((0,), (3,))
    (operator,) = graph.operators
    assert (operator.index, operator.kind, operator.version) == (0, "CONV_2D", 3)
    assert (operator.inputs, operator.outputs) == ((0, 1, 2), (3,))
    assert operator.options == {
        "padding": "SAME",
        "stride_w": 2,
        "stride_h": 2,
        "fused_activation_function": "RELU6",
        "dilation_w_factor": 1,
        "dilation_h_factor": 1,
        "quantized_bias_type": "FLOAT32",
    }
    assert [tensor.shape for tensor in graph.tensors] == [(1, 8, 8, 3), (4, 3, 3, 3), (4,), (1, 4, 4, 4)]
    assert [tensor.dtype for tensor in graph.tensors] == [DType.INT8, DType.INT8, DType.INT32, DType.INT8]


def test_scales_are_the_float32_values_exactly() -> None:
    graph = read_tflite(convolution().build()).graph
    assert graph.tensors[0].quantization == Quantization(scales=(float32(0.1),), zero_points=(-128,))
    assert graph.tensors[1].quantization == Quantization(
        scales=tuple(float32(scale) for scale in WEIGHT_SCALES), zero_points=(0, 0, 0, 0), axis=0
    )
    assert graph.tensors[2].quantization is None


def test_constants_are_read_only_views_in_shape_and_type() -> None:
    graph = read_tflite(convolution().build()).graph
    assert graph.tensors[0].data is None
    for index, expected in ((1, WEIGHTS), (2, BIAS)):
        data = graph.tensors[index].data
        assert data is not None
        assert data.dtype == expected.dtype
        np.testing.assert_array_equal(data, expected)
        with pytest.raises(ValueError, match="read-only"):
            data[...] = 0


def test_the_batch_may_be_open_and_is_then_what_the_shape_says() -> None:
    assert read_tflite(convolution().build()).graph.tensors[0].shape == (1, 8, 8, 3)


def test_absent_options_are_the_schemas_defaults() -> None:
    model = convolution().to_object()
    operator = model.subgraphs[0].operators[0]
    operator.builtinOptions, operator.builtinOptionsType = None, 0
    options = read_tflite(pack(model)).graph.operators[0].options
    assert options["padding"] == "SAME"
    assert options["stride_w"] == 0
    assert options["dilation_h_factor"] == 1
    assert options["fused_activation_function"] == "NONE"


def test_an_absent_bias_is_none() -> None:
    model = convolution().to_object()
    model.subgraphs[0].operators[0].inputs = [0, 1, -1]
    assert read_tflite(pack(model)).graph.operators[0].inputs == (0, 1, None)


@pytest.mark.parametrize(("deprecated", "builtin"), [(3, 0), (3, 3), (0, 3)])
def test_the_operator_code_is_the_larger_of_its_two_fields(deprecated: int, builtin: int) -> None:
    model = convolution().to_object()
    model.operatorCodes[0].deprecatedBuiltinCode = deprecated
    model.operatorCodes[0].builtinCode = builtin
    assert read_tflite(pack(model)).graph.operators[0].kind == "CONV_2D"


def test_floats_may_stand_at_the_edges() -> None:
    model = ModelBuilder()
    x = model.input((1, 4), "float32")
    quantized = model.op("QUANTIZE", [x], spec((1, 4), scale=0.1))
    relu = model.op("RELU", [quantized], spec((1, 4), scale=0.1))
    model.op("DEQUANTIZE", [relu], spec((1, 4), "float32"))
    graph = read_tflite(model.build()).graph
    assert graph.tensors[graph.inputs[0]].dtype is DType.FLOAT32
    assert graph.tensors[graph.inputs[0]].quantization is None
    assert graph.tensors[graph.outputs[0]].dtype is DType.FLOAT32


def test_svdfs_state_is_a_variable_tensor() -> None:
    model = ModelBuilder()
    x = model.input((1, 2), scale=0.1)
    feature = model.constant(np.ones((1, 2), np.int8), 0.1)
    time = model.constant(np.ones((1, 3), np.int16), 0.1)
    state = model.state((1, 3), "int16", 0.1)
    model.op("SVDF", [x, feature, time, None, state], spec((1, 1), scale=0.1), rank=1)
    graph = read_tflite(model.build()).graph
    assert [tensor.index for tensor in graph.tensors if tensor.is_variable] == [state]
    assert graph.operators[0].inputs == (x, feature, time, None, state)


class TestVariables:
    """Streaming state."""

    def streaming(self, initial: Any, *, zero_point: int = -5, dtype: str = "int8") -> Graph:
        model = ModelBuilder()
        described = spec((1, 4), dtype, 0.1, zero_point)
        x = model.input((1, 4), dtype, scale=0.1, zero_point=zero_point)
        memory = model.variable("memory", described, initial, container="box")
        before = memory.read()
        memory.assign(x)
        model.op("CONCATENATION", [before, x], spec((1, 8), dtype, 0.1, zero_point), axis=1)
        return read_tflite(model.build()).graph

    def test_a_variable_starts_with_what_call_once_assigns(self) -> None:
        graph = self.streaming(np.array([[1, -2, 3, -128]], np.int8))
        (variable,) = graph.variables
        assert (variable.name, variable.shape, variable.dtype) == ("box/memory", (1, 4), DType.INT8)
        assert variable.zero_point == -5
        np.testing.assert_array_equal(variable.initial, np.array([[1, -2, 3, -128]], np.int8))
        assert not variable.initial.flags.writeable
        assert graph.operators[0].kind == "CALL_ONCE"

    def test_a_variable_that_nobody_initialises_starts_at_its_zero_point(self) -> None:
        (variable,) = self.streaming(None).variables
        np.testing.assert_array_equal(variable.initial, np.full((1, 4), -5, np.int8))

    def test_a_wide_variable_is_filled_with_the_zero_points_byte(self) -> None:
        (variable,) = self.streaming(None, zero_point=3, dtype="int16").variables
        np.testing.assert_array_equal(variable.initial, np.full((1, 4), 0x0303, np.int16))

    def test_a_handle_names_its_variable(self) -> None:
        graph = self.streaming(None)
        (handle,) = [operator for operator in graph.operators if operator.kind == "VAR_HANDLE"]
        assert variable_name(handle.options) == graph.variables[0].name
        assert graph.tensors[handle.outputs[0]].dtype is DType.RESOURCE
        assert graph.tensors[handle.outputs[0]].size_bytes == 0


def test_the_name_comes_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "my net.tflite"
    path.write_bytes(convolution().build())
    assert read_tflite(path).name == "my net"
    assert read_tflite(str(path), "other").graph.name == "other"


@pytest.mark.parametrize("name", ALL)
def test_real_models_are_read(name: str) -> None:
    graph = read_tflite(model_path(name)).graph
    assert graph.operators
    assert len(graph.variables) == (6 if name in STREAMING else 0)
    written = [index for operator in graph.operators for index in operator.outputs]
    assert len(written) == len(set(written))
    assert set(graph.outputs) <= set(written)

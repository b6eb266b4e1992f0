"""Integer edges: a build without its float inputs and outputs, and what the oracle says of it."""

from __future__ import annotations

import numpy as np

from edgekit.artifacts import DType, QuantizedModel
from edgekit.ingest import read_tflite
from edgekit.ingest.integer_interface import with_integer_interface
from edgekit.lower import lower
from edgekit.oracle import run_oracle
from edgekit.package.golden import make_golden
from edgekit.testing.models import model_path
from edgekit.testing.native import run_native
from edgekit.testing.tflite_builder import ModelBuilder, spec

SHAPE = (1, 8)
FLOAT = spec(SHAPE, "float32", scale=0)
INTEGER = spec(SHAPE, scale=0.1, zero_point=3)


def _read(model: ModelBuilder) -> QuantizedModel:
    return read_tflite(model.build(), name="model")


def test_a_trained_model_keeps_its_answers() -> None:
    model = read_tflite(model_path("keyword_spotting"), name="model")
    integer = with_integer_interface(model)
    tensors = [integer.graph.tensors[index] for index in (*integer.graph.inputs, *integer.graph.outputs)]
    assert {tensor.dtype for tensor in tensors} == {DType.INT8}
    kinds = {call.kind for call in lower(model).calls} - {call.kind for call in lower(integer).calls}
    assert kinds == {"QUANTIZE", "DEQUANTIZE"}
    floats, integers = make_golden(model, vectors=4), make_golden(integer, vectors=4)
    assert floats.outputs is not None
    assert integers.outputs is not None
    scale, zero_point = np.float32(tensors[1].scale), np.float32(tensors[1].zero_point)
    np.testing.assert_array_equal((integers.outputs[0] - zero_point) * scale, floats.outputs[0])


def test_every_integer_comes_back_from_the_float_that_stands_for_it() -> None:
    model = ModelBuilder()
    wide = (1, 256)
    x = model.input(wide, "float32", scale=0)
    q = model.op("QUANTIZE", [x], spec(wide, scale=0.0123, zero_point=-7))
    y = model.op("DEQUANTIZE", [q], spec(wide, "float32", scale=0))
    built = _read(model.output(y))
    integer = with_integer_interface(built)
    # The quantized tensor cannot be input and output at once, so that the output stays a float.
    assert [integer.graph.tensors[i].dtype for i in integer.graph.outputs] == [DType.FLOAT32]
    every = np.arange(-128, 128, dtype=np.int8).reshape(wide)
    floats = (every.astype(np.float32) + np.float32(7)) * np.float32(0.0123)
    (answer,) = run_oracle(built.flatbuffer, [(floats,)])
    np.testing.assert_array_equal(answer[0], run_native(built.flatbuffer, [(floats,)])[0][0])


def test_a_float_input_that_is_read_twice_stays() -> None:
    model = ModelBuilder()
    x = model.input(SHAPE, "float32", scale=0)
    one, two = (model.op("QUANTIZE", [x], INTEGER) for _ in range(2))
    built = _read(model.output(model.op("ADD", [one, two], INTEGER)))
    assert with_integer_interface(built).graph.inputs == built.graph.inputs


def test_integer_edges_stay_as_they_are() -> None:
    model = ModelBuilder()
    x = model.input(SHAPE, scale=0.1, zero_point=3)
    built = _read(model.output(model.op("QUANTIZE", [x], spec(SHAPE, scale=0.2, zero_point=0))))
    assert with_integer_interface(built).graph == built.graph

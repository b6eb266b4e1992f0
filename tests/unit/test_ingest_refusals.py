"""Files that cannot be read or built: each message names the place, the reason and a way out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgekit.errors import EdgeKitError, ExitCode, UnreadableModelError, UnsupportedModelError
from edgekit.ingest import read_tflite
from edgekit.testing.tflite_builder import ModelBuilder, pack, spec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHAPE = (1, 4)
QUANTIZE_FULLY = "Quantize the model to full integer"


def refusal(source: bytes | Path, name: str | None = "net") -> EdgeKitError:
    with pytest.raises(EdgeKitError) as caught:
        read_tflite(source, name)
    assert caught.value.exit_code is ExitCode.MODEL
    return caught.value


def relu(*, dtype: str = "int8", scale: float | None = 0.1) -> Any:
    """A model of one RELU as an object that a test may spoil: tensors are 0 (x) and 1 (y)."""
    model = ModelBuilder()
    x = model.input(SHAPE, dtype, scale)
    model.op("RELU", [x], spec(SHAPE, dtype, scale, name="y"))
    return model.to_object()


def dense() -> Any:
    """A model of one FULLY_CONNECTED: tensors are 0 (input), 1 (weights), 2 (bias), 3 (output)."""
    model = ModelBuilder()
    x = model.input(SHAPE, scale=0.1)
    weights = model.constant(np.ones((2, 4), np.int8), [0.1, 0.2], name="weights")
    bias = model.constant(np.zeros(2, np.int32), [0.01, 0.02])
    model.op("FULLY_CONNECTED", [x, weights, bias], spec((1, 2), scale=0.1))
    return model.to_object()


# -------------------------------------------------------------------------------- not a model at all


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "The file is empty"),
        (b"TFL", "TFL3"),
        (b"PK\x03\x04" + bytes(100), "zip archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html>", "web page"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
    ],
)
def test_another_kind_of_file_is_told_apart(content: bytes, why: str) -> None:
    error = refusal(content)
    assert isinstance(error, UnreadableModelError)
    assert error.what == "net is not a .tflite model"
    assert why in error.why


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    error = refusal(tmp_path / "missing.tflite", None)
    assert "missing.tflite cannot be read" in error.what
    assert "no such file" in error.why


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    assert "folder" in refusal(tmp_path, None).why


@pytest.mark.parametrize("length", [8, 20, 40, 200])
def test_a_truncated_file_is_malformed(length: int) -> None:
    error = refusal(pack(dense())[:length])
    assert isinstance(error, UnreadableModelError)
    assert "malformed" in error.what
    assert "export the model again" in error.fix


def test_a_file_whose_root_lies_outside_is_malformed() -> None:
    error = refusal(b"\xff\xff\xff\x7fTFL3" + bytes(64))
    assert "the file has 72" in error.why


# ------------------------------------------------------------------------------- self-contradictions


def spoil(edit: Callable[[Any, Any], object], make: Callable[[], Any] = dense) -> EdgeKitError:
    model = make()
    edit(model, model.subgraphs[0])
    return refusal(pack(model))


CONTRADICTIONS: list[tuple[str, Callable[[Any, Any], object], str, str]] = [
    ("no subgraph", lambda m, g: m.subgraphs.clear(), "net", "no subgraph"),
    ("a schema from the future", lambda m, g: setattr(m, "version", 9), "net", "schema version 9"),
    (
        "an operator code that is not there",
        lambda m, g: setattr(g.operators[0], "opcodeIndex", 5),
        "operator 0",
        "its code 5 is not one of the 1",
    ),
    (
        "an input that is not there",
        lambda m, g: setattr(g.operators[0], "inputs", [0, 99, 2]),
        "operator 0 (FULLY_CONNECTED)",
        "refers to tensor 99, and there are 4",
    ),
    (
        "a negative output",
        lambda m, g: setattr(g.operators[0], "outputs", [-1]),
        "operator 0 (FULLY_CONNECTED)",
        "refers to tensor -1",
    ),
    (
        "too few inputs",
        lambda m, g: setattr(g.operators[0], "inputs", [0]),
        "operator 0 (FULLY_CONNECTED)",
        "it has 1 inputs",
    ),
    (
        "weights that are left out",
        lambda m, g: setattr(g.operators[0], "inputs", [0, -1]),
        "operator 0 (FULLY_CONNECTED)",
        "its input 1 is absent",
    ),
    (
        "a buffer that is not there",
        lambda m, g: setattr(g.tensors[1], "buffer", 77),
        "tensor 1 ('weights_1')",
        "its buffer 77",
    ),
    (
        "an element type that is not there",
        lambda m, g: setattr(g.tensors[1], "type", 99),
        "tensor 1 ('weights_1')",
        "element type 99",
    ),
    (
        "a constant that is too short for its shape",
        lambda m, g: vars(g.tensors[2]).update(shape=[2000], quantization=None),
        "tensor 2",
        "of int32 needs 8000 bytes, and it has 8",
    ),
    (
        "a scale that is not a number",
        lambda m, g: setattr(g.tensors[0].quantization, "scale", [float("nan")]),
        "tensor 0",
        "scale nan is not a positive number",
    ),
    (
        "a scale of zero",
        lambda m, g: setattr(g.tensors[0].quantization, "scale", [0.0]),
        "tensor 0",
        "scale 0.0 is not a positive number",
    ),
    (
        "a zero point out of range",
        lambda m, g: setattr(g.tensors[0].quantization, "zeroPoint", [128]),
        "tensor 0",
        "zero point 128 is not an int8 value",
    ),
    (
        "scales that do not fit their axis",
        lambda m, g: setattr(g.tensors[1].quantization, "quantizedDimension", 1),
        "tensor 1 ('weights_1')",
        "it has 2 scales, and axis 1",
    ),
    (
        "an axis that is not there",
        lambda m, g: setattr(g.tensors[1].quantization, "quantizedDimension", -3),
        "tensor 1 ('weights_1')",
        "quantized along axis -3",
    ),
    (
        "more scales than zero points",
        lambda m, g: setattr(g.tensors[1].quantization, "zeroPoint", [0]),
        "tensor 1 ('weights_1')",
        "2 scales and 1 zero points",
    ),
    (
        "a tensor that is written twice",
        lambda m, g: g.operators.append(g.operators[0]),
        "operator 1 (FULLY_CONNECTED)",
        "already that of operator 0",
    ),
    (
        "an operator that overwrites the input",
        lambda m, g: setattr(g.operators[0], "outputs", [0]),
        "operator 0 (FULLY_CONNECTED)",
        "already that of an input",
    ),
    (
        "a tensor that is read before it is written",
        lambda m, g: setattr(g.operators[0], "inputs", [3, 1, 2]),
        "operator 0 (FULLY_CONNECTED)",
        "tensor 3 ('fully_connected_3'), which nothing before it writes",
    ),
    ("an output that nothing writes", lambda m, g: g.operators.clear(), "tensor 3", "nothing writes it"),
    ("an input that is listed twice", lambda m, g: g.inputs.append(0), "net", "name a tensor twice"),
    (
        "an input that is a constant",
        lambda m, g: g.inputs.append(1),
        "tensor 1 ('weights_1')",
        "both an input and a constant",
    ),
    (
        "a dense layer with weights of three axes",
        lambda m, g: setattr(g.tensors[1], "shape", [2, 2, 2]),
        "operator 0 (FULLY_CONNECTED)",
        "must have 2 axes",
    ),
    (
        "a shape of a thousand axes",
        lambda m, g: setattr(g.tensors[0], "shape", [1] * 1000),
        "tensor 0",
        "1000 axes",
    ),
    (
        "a shape and a signature of different rank",
        lambda m, g: setattr(g.tensors[0], "shapeSignature", [-1]),
        "tensor 0",
        "differ in rank",
    ),
    (
        "an enum without a name",
        lambda m, g: setattr(g.operators[0].builtinOptions, "fusedActivationFunction", 66),
        "operator 0 (FULLY_CONNECTED)",
        "fused_activation_function has the unknown value 66",
    ),
]


@pytest.mark.parametrize(
    ("edit", "place", "why"), [each[1:] for each in CONTRADICTIONS], ids=[e[0] for e in CONTRADICTIONS]
)
def test_a_file_that_contradicts_itself_is_malformed(
    edit: Callable[[Any, Any], object], place: str, why: str
) -> None:
    error = spoil(edit)
    assert isinstance(error, UnreadableModelError)
    assert error.what.startswith("net")
    assert f"{place} is malformed" in error.what or f"{place} (" in error.what
    assert why in error.why


def test_options_of_another_operator_are_malformed() -> None:
    model, other = dense(), relu()
    other.subgraphs[0].operators[0].builtinOptions = model.subgraphs[0].operators[0].builtinOptions
    other.subgraphs[0].operators[0].builtinOptionsType = 8
    assert "FullyConnectedOptions, which belong to another operator" in refusal(pack(other)).why


# --------------------------------------------------------------------------- good, but not buildable


def test_a_custom_operator_is_named() -> None:
    model = ModelBuilder()
    x = model.input(SHAPE, scale=0.1)
    model.op("CUSTOM", [x], spec(SHAPE, scale=0.1), custom_name="MySecretLayer")
    error = refusal(model.build())
    assert isinstance(error, UnsupportedModelError)
    assert error.what == "net: operator 0 (CUSTOM 'MySecretLayer') cannot be built"
    assert "custom operator" in error.why
    assert "builtin operators" in error.fix


def test_a_tensorflow_operator_in_disguise_is_told_apart() -> None:
    model = ModelBuilder()
    x = model.input(SHAPE, scale=0.1)
    model.op("CUSTOM", [x], spec(SHAPE, scale=0.1), custom_name="FlexErf")
    assert "SELECT_TF_OPS" in refusal(model.build()).fix


@pytest.mark.parametrize("kind", ["IF", "WHILE"])
def test_control_flow_is_refused(kind: str) -> None:
    model = ModelBuilder()
    x = model.input(SHAPE, scale=0.1)
    model.op(kind, [x], spec(SHAPE, scale=0.1))
    error = refusal(model.build())
    assert f"operator 0 ({kind})" in error.what
    assert "branches or loops" in error.why
    assert "Unroll" in error.fix


def test_a_float_model_is_told_to_be_quantized() -> None:
    model = ModelBuilder()
    x = model.input((1, 4, 4, 1), "float32")
    weights = model.constant(np.ones((1, 1, 1, 1), np.float32))
    model.op("CONV_2D", [x, weights], spec((1, 4, 4, 1), "float32"), stride_h=1, stride_w=1)
    error = refusal(model.build())
    assert isinstance(error, UnsupportedModelError)
    assert error.what == "net: operator 0 (CONV_2D) cannot be built"
    assert "It computes in float32 on tensor 0 ('input_0')" in error.why
    assert QUANTIZE_FULLY in error.fix


def test_a_hybrid_model_is_told_apart() -> None:
    model = ModelBuilder()
    x = model.input(SHAPE, "float32")
    weights = model.constant(np.ones((2, 4), np.int8), 0.1)
    model.op("FULLY_CONNECTED", [x, weights], spec((1, 2), "float32"))
    error = refusal(model.build())
    assert "hybrid (dynamic-range quantized): tensor 1 ('constant_1') is int8" in error.why
    assert QUANTIZE_FULLY in error.fix


def test_float16_weights_are_told_apart() -> None:
    model = ModelBuilder()
    x = model.input(SHAPE, "float32")
    packed = model.constant(np.ones((2, 4), np.float16), dtype="float16")
    weights = model.op("DEQUANTIZE", [packed], spec((2, 4), "float32"))
    model.op("FULLY_CONNECTED", [x, weights], spec((1, 2), "float32"))
    error = refusal(model.build())
    assert "operator 0 (DEQUANTIZE)" in error.what
    assert "unpacks the float16 weights tensor 1 ('constant_1')" in error.why


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        ("string", "Text"),
        ("int4", "four bits"),
        ("complex64", "EdgeKit computes with"),
        ("float16", "16-bit floats"),
    ],
)
def test_other_element_types_are_refused(dtype: str, words: str) -> None:
    model = ModelBuilder()
    x = model.input(SHAPE, dtype)
    model.op("RESHAPE", [x], spec(SHAPE, dtype))
    error = refusal(model.build())
    assert f"tensor 0 ('input_0') of type {dtype} cannot be built" in error.what
    assert words in error.why


@pytest.mark.parametrize("signature", [(1, -1), (-1, -1)])
def test_a_dynamic_shape_is_refused(signature: tuple[int, int]) -> None:
    model = relu()
    model.subgraphs[0].tensors[0].shapeSignature = list(signature)
    error = refusal(pack(model))
    assert f"tensor 0 ('input_0') of shape {list(signature)}" in error.what
    assert "only known at run time" in error.why
    assert "batch_size=1" in error.fix


def test_an_empty_tensor_is_refused() -> None:
    model = relu()
    model.subgraphs[0].tensors[1].shape = [1, 0]
    assert "holds no element" in refusal(pack(model)).why


@pytest.mark.parametrize("shape", [[2**31 - 1] * 8, [2**15] * 2, [1] * 7])
def test_a_huge_tensor_is_refused_without_being_allocated(shape: list[int]) -> None:
    model = relu()
    model.subgraphs[0].tensors[0].shape = shape
    assert "at most 6 axes and 256 MiB" in refusal(pack(model)).why


def test_activations_that_no_board_can_hold_are_refused() -> None:
    model = ModelBuilder()
    shape = (1, 1 << 14, 1 << 14)
    xs = [model.input(shape, scale=0.1) for _ in range(5)]
    model.op("PACK", xs, spec((1,), scale=0.1), values_count=5, axis=0)
    assert "need 1,280 MiB at once; EdgeKit takes at most 1,024" in refusal(model.build()).why


def test_integers_without_a_scale_are_refused() -> None:
    error = refusal(pack(relu(scale=None)))
    assert "operator 0 (RELU)" in error.what
    assert "tensor 0 ('input_0') is int8 and has no scale" in error.why


def test_activations_with_a_scale_per_channel_are_refused() -> None:
    model = relu()
    quantization = model.subgraphs[0].tensors[0].quantization
    quantization.scale, quantization.zeroPoint, quantization.quantizedDimension = [0.1] * 4, [0] * 4, 1
    assert "computed at run time and has a scale per channel" in refusal(pack(model)).why


def test_an_output_that_is_an_input_is_refused() -> None:
    model = relu()
    model.subgraphs[0].outputs = [0]
    assert "an output and an input at once" in refusal(pack(model)).why


def test_an_output_that_is_a_state_is_refused() -> None:
    model = relu()
    model.subgraphs[0].tensors[1].isVariable = True
    model.subgraphs[0].operators = []
    assert "an output and a state at once" in refusal(pack(model)).why


def test_an_output_that_is_a_constant_is_refused() -> None:
    model = dense()
    model.subgraphs[0].outputs = [2]
    assert "an output and a constant at once" in refusal(pack(model)).why


def test_a_model_without_outputs_is_refused() -> None:
    model = relu()
    model.subgraphs[0].outputs = []
    assert "no output" in refusal(pack(model)).why


def test_a_model_without_inputs_is_refused() -> None:
    model = ModelBuilder()
    state = model.variable("state", spec((1, 4), scale=0.5), np.zeros((1, 4), np.int8))
    doubled = model.op("RELU", [state.read()], spec((1, 4), scale=0.5))
    state.assign(doubled)
    assert "no input: there is nothing to feed it" in refusal(model.output(doubled).build()).why


def test_constants_outside_the_flatbuffer_are_refused() -> None:
    model = dense()
    model.buffers[1].data = None
    model.buffers[1].Pack = lambda builder: type(model.buffers[0])(offset=4096, size=8).Pack(builder)
    error = refusal(pack(model))
    assert "tensor 1 ('weights_1')" in error.what
    assert "behind the flatbuffer" in error.why


def test_sparse_constants_are_refused() -> None:
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    model = dense()
    model.subgraphs[0].tensors[1].sparsity = schema.SparsityParametersT()
    error = refusal(pack(model))
    assert "tensor 1 ('weights_1')" in error.what
    assert "sparse" in error.why


def test_compressed_constants_are_refused() -> None:
    model = ModelBuilder()
    x = model.input(SHAPE, scale=0.1)
    model.op("RELU", [x], spec(SHAPE, scale=0.1))
    model.metadata("COMPRESSION_METADATA", b"....")
    assert "compressed" in refusal(model.build()).why


# --------------------------------------------------------------------------------------------- state


def streaming() -> tuple[ModelBuilder, int]:
    model = ModelBuilder()
    return model, model.input(SHAPE, scale=0.1)


def test_a_variable_that_nothing_assigns_is_refused() -> None:
    model, x = streaming()
    before = model.variable("memory", spec(SHAPE, scale=0.1)).read()
    model.op("ADD", [before, x], spec(SHAPE, scale=0.1))
    error = refusal(model.build())
    assert "variable '/memory'" in error.what
    assert "Nothing gives it a value" in error.why


def test_an_initialisation_that_computes_is_refused() -> None:
    model, x = streaming()
    memory = model.variable("memory", spec(SHAPE, scale=0.1), np.zeros(SHAPE, np.int8))
    model.op("ADD", [memory.read(), x], spec(SHAPE, scale=0.1))
    spoiled = model.to_object()
    init = spoiled.subgraphs[1]
    init.operators[1].inputs, init.operators[1].builtinOptions = [], None
    init.operators[1].builtinOptionsType = 0
    init.operators[1].opcodeIndex = spoiled.subgraphs[0].operators[0].opcodeIndex
    error = refusal(pack(spoiled))
    assert "subgraph 1: operator 1 (CALL_ONCE)" in error.what
    assert "more than assign constants" in error.why


def test_an_initialisation_after_use_is_refused() -> None:
    model, x = streaming()
    memory = model.variable("memory", spec(SHAPE, scale=0.1), np.zeros(SHAPE, np.int8))
    model.op("ADD", [memory.read(), x], spec(SHAPE, scale=0.1))
    late = model.to_object()
    operators = late.subgraphs[0].operators
    operators.append(operators.pop(0))
    assert "after some were used" in refusal(pack(late)).why


@pytest.mark.parametrize("subgraph", [0, 2, -1])
def test_call_once_of_an_impossible_subgraph_is_malformed(subgraph: int) -> None:
    model, x = streaming()
    model.call_once(subgraph)
    model.op("RELU", [x], spec(SHAPE, scale=0.1))
    error = refusal(model.build())
    assert isinstance(error, UnreadableModelError)
    assert f"runs subgraph {subgraph}" in error.why


def test_a_variable_of_two_shapes_is_malformed() -> None:
    model, x = streaming()
    memory = model.variable("memory", spec(SHAPE, scale=0.1))
    before = memory.read()
    memory.assign(model.op("CONCATENATION", [before, x], spec((1, 8), scale=0.1), axis=1))
    model.op("ADD", [before, x], spec(SHAPE, scale=0.1))
    error = refusal(model.build())
    assert "int8[1, 4] to one operator and int8[1, 8] to another" in error.why


def test_a_first_value_of_another_size_is_malformed() -> None:
    model, x = streaming()
    memory = model.variable("memory", spec((1, 2), scale=0.1), np.zeros((1, 2), np.int8))
    memory.spec = spec(SHAPE, scale=0.1)
    model.op("ADD", [memory.read(), x], spec(SHAPE, scale=0.1))
    assert "its first value is int8[1, 2], and it is int8[1, 4]" in refusal(model.build()).why


def test_a_handle_that_is_computed_with_is_refused() -> None:
    model, x = streaming()
    memory = model.variable("memory", spec(SHAPE, scale=0.1))
    memory.assign(x)
    model.op("ADD", [memory.handle, x], spec(SHAPE, scale=0.1))
    assert "handle out of place" in refusal(model.build()).why


def test_reading_what_is_no_handle_is_refused() -> None:
    model, x = streaming()
    model.op("READ_VARIABLE", [x], spec(SHAPE, scale=0.1))
    assert "is not a variable's handle" in refusal(model.build()).why


def test_more_state_than_any_board_holds_is_refused_without_being_allocated() -> None:
    model, x = streaming()
    described = spec((1, 1 << 14, 1 << 11), scale=0.1)
    for name in ("one", "two", "three"):
        memory = model.variable(name, described)
        memory.assign(model.op("RELU", [memory.read()], described))
    model.output(model.op("RELU", [x], spec(SHAPE, scale=0.1)))
    assert "Its variables hold 96 MiB; EdgeKit takes at most 64" in refusal(model.build()).why


def test_a_variable_in_two_containers_is_refused() -> None:
    model, x = streaming()
    for container in ("a", "b"):
        model.variable("memory", spec(SHAPE, scale=0.1), container=container).assign(x)
    model.op("RELU", [x], spec(SHAPE, scale=0.1))
    assert "'memory' is in two containers" in refusal(model.build()).why


def test_a_variable_tensor_outside_svdf_is_refused() -> None:
    model, x = streaming()
    model.op("ADD", [x, model.state(SHAPE, scale=0.1)], spec(SHAPE, scale=0.1))
    assert "only one SVDF may have" in refusal(model.build()).why

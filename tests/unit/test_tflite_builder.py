"""The builder writes what the reader reads, and what the reference interpreter runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.ingest import read_tflite
from edgekit.ingest.schema import OPTIONS_OF
from edgekit.oracle import run_oracle
from edgekit.testing.int8 import assert_same_bits
from edgekit.testing.tflite_builder import ModelBuilder, spec


def test_a_model_of_one_operator_takes_three_lines_and_runs() -> None:
    model = ModelBuilder()
    x = model.input((1, 4), scale=0.1)
    model.op("RELU", [x], spec((1, 4), scale=0.1))

    ((answer,),) = run_oracle(model.build(), [(np.array([[-128, -1, 0, 127]], np.int8),)])
    assert_same_bits(answer, np.array([[0, 0, 0, 127]], np.int8))


def test_a_variable_keeps_its_value_from_frame_to_frame() -> None:
    model = ModelBuilder()
    described = spec((1, 2), scale=0.5, zero_point=1)
    x = model.input((1, 2), scale=0.5, zero_point=1)
    memory = model.variable("memory", described, np.array([[7, 8]], np.int8))
    before = memory.read()
    memory.assign(x)
    model.op("CONCATENATION", [before, x], spec((1, 4), scale=0.5, zero_point=1), axis=1)

    frames = [(np.array([values], np.int8),) for values in ([1, 2], [3, 4])]
    first, second = run_oracle(model.build(), frames)
    assert_same_bits(first[0], np.array([[7, 8, 1, 2]], np.int8))
    assert_same_bits(second[0], np.array([[1, 2, 3, 4]], np.int8))


def test_outputs_are_what_nobody_reads_unless_they_are_named() -> None:
    model = ModelBuilder()
    x = model.input((1, 2), scale=0.1)
    first = model.op("RELU", [x], spec((1, 2), scale=0.1))
    second = model.op("RELU6", [first], spec((1, 2), scale=0.1))
    assert read_tflite(model.build()).graph.outputs == (second,)
    model.output(first, second)
    assert read_tflite(model.build()).graph.outputs == (first, second)


def test_constants_are_aligned_as_the_schema_demands() -> None:
    model = ModelBuilder()
    x = model.input((1, 2), scale=0.1)
    marker = np.array([[0x5A5B5C5D, 0x4A4B4C4D]], np.int32)
    model.constant(marker)
    model.op("RELU", [x], spec((1, 2), scale=0.1))
    assert model.build().index(marker.tobytes()) % 16 == 0


def test_several_outputs_follow_each_other() -> None:
    model = ModelBuilder()
    axis = model.constant(np.asarray(1, np.int32))
    x = model.input((1, 4), scale=0.1)
    first = model.op("SPLIT", [axis, x], [spec((1, 2), scale=0.1)] * 2, num_splits=2)
    graph = read_tflite(model.build()).graph
    assert graph.operators[0].outputs == graph.outputs == (first, first + 1)


@pytest.mark.parametrize("kind", [kind for kind, table in OPTIONS_OF.items() if not table])
def test_options_of_an_operator_without_any_are_a_mistake(kind: str) -> None:
    model = ModelBuilder()
    x = model.input((1, 2), scale=0.1)
    with pytest.raises(ValueError, match=f"{kind} has no options"):
        model.op(kind, [x], spec((1, 2), scale=0.1), axis=1)


def test_a_misspelt_option_is_a_mistake() -> None:
    model = ModelBuilder()
    x = model.input((1, 2), scale=0.1)
    with pytest.raises(TypeError, match="bita"):
        model.op("SOFTMAX", [x], spec((1, 2), scale=0.1), bita=1.0)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("STRIDED_SLICE", {"begin_mask": 1, "end_mask": 2, "shrink_axis_mask": 4, "ellipsis_mask": 0}),
        ("TRANSPOSE_CONV", {"padding": "VALID", "stride_w": 3, "stride_h": 2}),
        ("DEPTHWISE_CONV_2D", {"depth_multiplier": 2, "dilation_w_factor": 3, "padding": "SAME"}),
        ("RESHAPE", {"new_shape": (1, -1, 4)}),
        ("SQUEEZE", {"squeeze_dims": (1, 2)}),
        ("LEAKY_RELU", {"alpha": float(np.float32(0.1))}),
        ("MIRROR_PAD", {"mode": "SYMMETRIC"}),
        ("ARG_MAX", {"output_type": "INT32"}),
        ("FULLY_CONNECTED", {"keep_num_dims": True, "fused_activation_function": "RELU_N1_TO_1"}),
        ("RESIZE_BILINEAR", {"align_corners": True, "half_pixel_centers": False}),
        ("VAR_HANDLE", {"container": "box", "shared_name": "memory"}),
        ("BATCH_MATMUL", {"adj_x": True, "adj_y": False}),
        ("PACK", {"values_count": 3, "axis": -1}),
    ],
)
def test_options_come_back_as_they_were_written(kind: str, options: dict[str, Any]) -> None:
    from edgekit.ingest.structure import parse_model

    model = ModelBuilder()
    x = model.input((1, 2), scale=0.1)
    model.op(kind, [x], spec((1, 2), scale=0.1), **options)
    (operator,) = parse_model(model.build(), "net").main.operators
    assert operator.kind == kind
    assert options.items() <= operator.options.items()

"""fold_pads_into_convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.artifacts import Graph
from edgekit.ingest import read_tflite
from edgekit.lower.passes.fold_pads_into_convolutions import fold_pads_into_convolutions
from edgekit.lower.windows import EXPLICIT_PADDING
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import assert_matches_oracle
from tests.unit.passes.unchanged import unchanged_graph

Pads = tuple[tuple[int, int], tuple[int, int]]

_SPATIAL: Pads = ((1, 2), (0, 1))


def padded_convolution(
    pads: Pads = _SPATIAL,
    *,
    kind: str = "CONV_2D",
    batch: tuple[int, int] = (0, 0),
    value: int | None = None,
    padded_scale: float = 0.5,
    padding: str = "VALID",
    stride: int = 1,
    size: tuple[int, int] = (6, 5),
    kernel: tuple[int, int] = (3, 3),
) -> ModelBuilder:
    """PAD (or PADV2 with a value) of a plane with zero point -3, and a convolution."""
    model = ModelBuilder()
    random = np.random.default_rng(0)
    x = model.input((1, *size, 4), scale=0.5, zero_point=-3)
    high, wide = (n + sum(both) for n, both in zip(size, pads, strict=True))
    count = 1 + sum(batch)
    inputs = [x, model.constant(np.array([batch, *pads, (0, 0)], np.int32))]
    if value is not None:
        inputs.append(model.constant(np.array([value], np.int8), scale=padded_scale, zero_point=-3))
    plane = spec((count, high, wide, 4), scale=padded_scale, zero_point=-3)
    y = model.op("PADV2" if value is not None else "PAD", inputs, plane)
    shape = (1 if kind == "DEPTHWISE_CONV_2D" else 8, *kernel, 4)
    weights = model.constant(random.integers(-127, 128, shape).astype(np.int8), scale=0.01)
    planes = zip((high, wide), kernel, strict=True)
    out = [-(-n // stride) if padding == "SAME" else (n - k) // stride + 1 for n, k in planes]
    options: dict[str, Any] = {"padding": padding, "stride_h": stride, "stride_w": stride}
    options |= {"dilation_h_factor": 1, "dilation_w_factor": 1}
    if kind == "DEPTHWISE_CONV_2D":
        options["depth_multiplier"] = 1
    channels = shape[3] if kind == "DEPTHWISE_CONV_2D" else shape[0]
    model.op(kind, [y, weights], spec((count, *out, channels), scale=0.4, zero_point=5), **options)
    return model


def graph_of(model: ModelBuilder) -> Graph:
    return read_tflite(model.build(), name="model").graph


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_a_pad_before_a_convolution_goes(kind: str) -> None:
    graph = graph_of(padded_convolution(kind=kind))
    (convolution,) = fold_pads_into_convolutions(graph).operators
    assert convolution.kind == kind
    assert convolution.inputs == (graph.inputs[0], *graph.operators[1].inputs[1:])
    assert convolution.options[EXPLICIT_PADDING] == _SPATIAL


def test_a_value_equal_to_the_zero_point_is_as_good() -> None:
    assert len(fold_pads_into_convolutions(graph_of(padded_convolution(value=-3))).operators) == 1


@pytest.mark.parametrize(
    "near_miss", [{"value": -2}, {"batch": (1, 0)}, {"padded_scale": 0.25}], ids=["value", "batch", "scale"]
)
def test_another_padding_stays(near_miss: dict[str, Any]) -> None:
    graph = graph_of(padded_convolution(**near_miss))
    assert fold_pads_into_convolutions(graph).operators == graph.operators


def test_a_pad_that_others_read_stays() -> None:
    model = padded_convolution()
    graph = graph_of(model)
    padded, convolved = (operator.outputs[0] for operator in graph.operators)
    graph = graph_of(model.output(padded, convolved))
    assert fold_pads_into_convolutions(graph).operators == graph.operators


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_windows_that_end_before_a_plane_padded_at_its_beginning_start_in_the_padding(kind: str) -> None:
    # What they read is as large as the input, but is not the input.
    model = padded_convolution(((1, 0), (1, 0)), kind=kind, stride=2, size=(4, 4), kernel=(2, 2))
    assert_matches_oracle(model.build())


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_a_column_of_padding_may_be_the_only_one_that_is_read(kind: str) -> None:
    model = padded_convolution(((0, 0), (1, 0)), kind=kind, stride=2, size=(6, 1), kernel=(3, 1))
    assert_matches_oracle(model.build())


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2),
    st.sampled_from(["CONV_2D", "DEPTHWISE_CONV_2D"]),
    st.sampled_from(["SAME", "VALID"]),
    st.integers(1, 3),
)
def test_the_answer_stays_the_same(pads: Pads, kind: str, padding: str, stride: int) -> None:
    model = padded_convolution(pads, kind=kind, padding=padding, stride=stride)
    assert len(fold_pads_into_convolutions(graph_of(model)).operators) == 1
    assert_matches_oracle(model.build())


def test_the_input_is_left_alone() -> None:
    graph = graph_of(padded_convolution())
    with unchanged_graph(graph):
        fold_pads_into_convolutions(graph)

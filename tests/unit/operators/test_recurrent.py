"""SVDF against the reference, over several frames: its state goes from one to the next."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.lower.operators import recurrent
from edgekit.lower.rules import fused_activation_is_a_clamp, input_is_int8
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import (
    assert_matches_litert,
    assert_matches_oracle,
    assert_refused,
    every_int8,
)

LITERT_REFERENCED = {"SVDF without bias": "TFLite Micro reads the bias's scale before it asks for a bias."}

_FRAMES = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
    """An SVDF layer."""

    batch: int = 1
    inputs: int = 10
    units: int = 4
    rank: int = 2
    memory: int = 5
    state: str = "int16"
    time: str | None = None  # the time weights' type, if not the state's
    input_scale: float = 0.1
    input_zero_point: int = 3
    feature_scale: float = 0.01
    feature_zero_point: int = 0
    state_scale: float = 0.02
    state_zero_point: int = 0
    time_scale: float = 0.01
    output_scale: float = 0.05
    output_zero_point: int = -5
    activation: str = "NONE"
    stated_rank: int | None = None
    state_size: int | None = None
    has_bias: bool = True
    bias_values: int | None = None
    dtype: str = "int8"
    variable: bool = True
    computed_weights: bool = False
    seed: int = 0

    def add_to(self, model: ModelBuilder) -> None:
        """Add the layer, with an input of its own."""
        random = np.random.default_rng(self.seed)
        filters = self.units * self.rank
        features = random.integers(-127, 128, (filters, self.inputs)).astype(np.int8)
        limits = np.iinfo(self.time or self.state)
        over_time = random.integers(limits.min, limits.max, (filters, self.memory), endpoint=True)
        bias = random.integers(-1000, 1000, self.bias_values or self.units).astype(np.int32)
        state = ((self.batch, self.state_size or filters * self.memory), self.state, self.state_scale)
        make_state = model.state if self.variable else model.input
        feature_scale = (self.feature_scale, self.feature_zero_point)
        x = model.input((self.batch, self.inputs), self.dtype, self.input_scale, self.input_zero_point)
        inputs = [
            x,
            model.input(features.shape, "int8", *feature_scale)
            if self.computed_weights
            else model.constant(features, *feature_scale),
            model.constant(over_time.astype(limits.dtype), self.time_scale),
            model.constant(bias, float(np.float32(self.state_scale) * np.float32(self.time_scale)))
            if self.has_bias
            else None,
            make_state(*state, self.state_zero_point),
        ]
        output = spec((self.batch, self.units), "int8", self.output_scale, self.output_zero_point)
        rank = self.rank if self.stated_rank is None else self.stated_rank
        model.op("SVDF", inputs, output, rank=rank, fused_activation_function=self.activation)

    def build(self) -> bytes:
        """A model of this layer."""
        model = ModelBuilder()
        self.add_to(model)
        return model.build()


def assert_layers_match(*layers: Layer) -> None:
    """Compare layers side by side in one model, over frames that end in extremes."""
    model = ModelBuilder()
    for layer in layers:
        layer.add_to(model)
    random = np.random.default_rng(0)
    shapes = [(layer.batch, layer.inputs) for layer in layers]
    frames = [
        tuple(random.integers(-128, 128, shape).astype(np.int8) for shape in shapes) for _ in range(_FRAMES)
    ]
    frames += [tuple(np.full(shape, end, np.int8) for shape in shapes) for end in (-128, 127, 127)]
    assert_matches_oracle(model.build(), frames)


@pytest.mark.parametrize("state", ["int8", "int16"])
def test_every_geometry(state: str) -> None:
    assert_layers_match(
        Layer(state=state),
        Layer(state=state, batch=3, rank=1),
        Layer(state=state, memory=1),
        Layer(state=state, batch=2, inputs=1, memory=2),
        Layer(state=state, units=1, rank=1, memory=8),
        Layer(state=state, units=16, rank=1, inputs=40, memory=10, state_scale=0.05),
    )


@pytest.mark.parametrize("zero_point", [-128, -5, 127])
def test_states_that_start_at_their_zero_point_and_wrap(zero_point: int) -> None:
    scales = (0.002, 0.02, 0.2)
    assert_layers_match(
        *(Layer(state="int8", state_zero_point=zero_point, state_scale=scale) for scale in scales)
    )


@pytest.mark.parametrize("state", ["int8", "int16"])
def test_zero_points_and_scales_at_both_ends(state: str) -> None:
    assert_layers_match(
        Layer(state=state, input_zero_point=-128, output_zero_point=127),
        Layer(state=state, input_zero_point=127, output_zero_point=-128),
        Layer(state=state, state_scale=1e-6, time_scale=1e-6),
        Layer(state=state, state_scale=1e3, output_scale=1e-4),
        Layer(state=state, output_scale=1e6),
    )


def test_a_relu_that_changes_nothing_is_left_out() -> None:
    assert_layers_match(Layer(activation="RELU", output_zero_point=-128))


def test_a_layer_without_bias() -> None:
    # LiteRT wants int16 states and a RELU here; this one changes nothing.
    layer = Layer(has_bias=False, activation="RELU", output_zero_point=-128, output_scale=2.0)
    random = np.random.default_rng(0)
    frames = [(random.integers(-128, 128, (1, 10)).astype(np.int8),) for _ in range(_FRAMES)]
    assert_matches_litert(layer.build(), frames)


@st.composite
def any_layer(draw: st.DrawFn) -> Layer:
    """Any small layer."""
    state = draw(st.sampled_from(["int8", "int16"]))
    return Layer(
        batch=draw(st.integers(1, 2)),
        inputs=draw(st.integers(1, 20)),
        units=draw(st.integers(1, 9)),
        rank=draw(st.integers(1, 3)),
        memory=draw(st.integers(1, 9)),
        state=state,
        input_zero_point=draw(st.integers(-128, 127)),
        state_scale=draw(st.floats(1e-4, 0.5)),
        state_zero_point=draw(st.integers(-128, 127)) if state == "int8" else 0,
        time_scale=draw(st.floats(1e-5, 0.1)),
        output_scale=draw(st.floats(1e-3, 10.0)),
        output_zero_point=draw(st.integers(-128, 127)),
        seed=draw(st.integers(0, 100)),
    )


@settings(max_examples=6, deadline=None, derandomize=True)
@given(any_layer())
def test_any_layer(layer: Layer) -> None:
    assert_layers_match(layer)


@pytest.mark.full
@settings(max_examples=200, deadline=None)
@given(any_layer())
def test_many_layers(layer: Layer) -> None:
    assert_layers_match(layer)


# --------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"dtype": "int16", "input_zero_point": 0}, input_is_int8),
        ({"variable": False}, recurrent.state_is_a_variable_tensor),
        ({"state": "int32", "time": "int16"}, recurrent.state_is_a_variable_tensor),
        ({"time": "int8"}, recurrent.filters_are_constant),
        ({"computed_weights": True}, recurrent.filters_are_constant),
        ({"feature_zero_point": 2}, recurrent.filters_are_symmetric),
        ({"stated_rank": 3}, recurrent.svdf_shapes_agree),
        ({"stated_rank": 0}, recurrent.svdf_shapes_agree),
        ({"state_size": 39}, recurrent.svdf_shapes_agree),
        ({"bias_values": 3}, recurrent.svdf_bias_is_constant_int32),
        ({"activation": "SIGN_BIT"}, fused_activation_is_a_clamp),
        ({"activation": "RELU"}, recurrent.activation_changes_nothing),
        ({"activation": "RELU6", "output_zero_point": -128}, recurrent.activation_changes_nothing),
        ({"output_scale": 1e-20}, recurrent.scales_are_in_proportion),
        ({"state_scale": 1e-20}, recurrent.scales_are_in_proportion),
        ({"input_scale": 1e30, "feature_scale": 1e30}, recurrent.scales_are_in_proportion),
        ({"output_scale": 1e-38, "state_scale": 1e10}, recurrent.scales_are_in_proportion),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_refusals(changes: dict[str, Any], rule: Any) -> None:
    assert_refused(Layer(**changes).build(), rule)


def test_products_of_scales_are_not_rounded_to_float32() -> None:
    # Where float32 has few bits left, the rounding would show in every second output.
    model, scale = ModelBuilder(), 4.26e-42
    x = model.input((256, 1), scale=1e-38)
    feature = model.constant(np.array([[99]], np.int8), scale=2.0**-18)
    time = model.constant(np.array([[1]], np.int8), scale=1.0)
    bias = model.constant(np.zeros(1, np.int32), scale=scale)
    inputs = [x, feature, time, bias, model.state((256, 1), scale=scale)]
    model.op("SVDF", inputs, spec((256, 1), scale=scale), rank=1, fused_activation_function="NONE")
    assert_matches_oracle(model.build(), [(every_int8((256, 1)),)])

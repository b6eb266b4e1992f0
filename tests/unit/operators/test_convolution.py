"""CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED against the reference."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgekit.compute.fixed_point import Multiplier, scale_integers
from edgekit.lower import convolved
from edgekit.lower.operators import convolution
from edgekit.lower.rules import fused_activation_is_a_clamp, input_is_int8, output_is_int8
from edgekit.lower.windows import window_advances
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import assert_matches_oracle, assert_refused

Scale = float | tuple[float, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plane:
    """A convolution, ordinary or depthwise, with the sizes of its input and filter."""

    kind: str = "CONV_2D"
    batch: int = 1
    height: int = 7
    width: int = 6
    channels: int = 4
    outputs: int = 8
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    padding: str = "SAME"
    activation: str = "NONE"
    input_scale: float = 0.02
    input_zero_point: int = 3
    weight_scale: Scale = 0.01
    output_scale: float = 0.2
    output_zero_point: int = -4
    bias: int | None = 1000  # the largest absolute value; None leaves the bias out
    names_absent_bias: bool = False  # as an input that is not there, instead of having two inputs only
    weights: str = "random"  # or "lowest", "highest"
    seed: int = 0

    def build(self, **changes: Any) -> bytes:
        """The model; `changes` replace fields."""
        model = ModelBuilder()
        self.but(**changes).add_to(model)
        return model.build()

    def but(self, **changes: Any) -> Plane:
        """The same with other fields."""
        return dataclasses.replace(self, **changes)

    def add_to(self, model: ModelBuilder) -> None:
        """Add the convolution, with an input of its own."""
        random = np.random.default_rng(self.seed)
        is_depthwise = self.kind == "DEPTHWISE_CONV_2D"
        shape = (1, *self.kernel, self.outputs)
        if not is_depthwise:
            shape = (self.outputs, *self.kernel, self.channels // self.groups)
        x = model.input(
            (self.batch, self.height, self.width, self.channels),
            scale=self.input_scale,
            zero_point=self.input_zero_point,
        )
        weights = _weights(random, shape, self.weights)
        kernel = model.constant(weights, scale=self.weight_scale, axis=3 if is_depthwise else 0)
        inputs: list[int | None] = [x, kernel]
        if self.bias is not None:
            inputs.append(model.constant(_bias(random, self.outputs, self.bias), scale=1.0))
        elif self.names_absent_bias:
            inputs.append(None)
        model.op(self.kind, inputs, self.output(), **self.options())

    def output(self) -> Any:
        """The output's description."""
        sizes = [
            _out(size, kernel, stride, dilation, self.padding)
            for size, kernel, stride, dilation in zip(
                (self.height, self.width), self.kernel, self.stride, self.dilation, strict=True
            )
        ]
        shape = (self.batch, *sizes, self.outputs)
        return spec(shape, scale=self.output_scale, zero_point=self.output_zero_point)

    def options(self) -> dict[str, Any]:
        """The operator's options."""
        options: dict[str, Any] = {
            "padding": self.padding,
            "stride_h": self.stride[0],
            "stride_w": self.stride[1],
            "dilation_h_factor": self.dilation[0],
            "dilation_w_factor": self.dilation[1],
            "fused_activation_function": self.activation,
        }
        if self.kind == "DEPTHWISE_CONV_2D":
            options["depth_multiplier"] = self.outputs // self.channels
        return options


def _out(size: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    reach = (kernel - 1) * dilation + 1
    return -(-size // stride) if padding == "SAME" else (size - reach) // stride + 1


def _weights(random: np.random.Generator, shape: tuple[int, ...], what: str) -> Any:
    if what == "random":
        return random.integers(-127, 128, shape).astype(np.int8)
    return np.full(shape, {"lowest": -128, "highest": 127}[what], np.int8)


def _bias(random: np.random.Generator, outputs: int, most: int) -> Any:
    return random.integers(-most, most, outputs, endpoint=True).astype(np.int32)


def assert_planes_match(*cases: Plane) -> None:
    """Compare convolutions side by side in one model: output i is that of case i."""
    model = ModelBuilder()
    for case in cases:
        case.add_to(model)
    assert_matches_oracle(model.build())


ORDINARY = Plane()
DEPTHWISE = Plane(kind="DEPTHWISE_CONV_2D")
BOTH = pytest.mark.parametrize("case", [ORDINARY, DEPTHWISE], ids=["ordinary", "depthwise"])
ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")

# ----------------------------------------------------------------------------------- geometry

_ORDINARY_GEOMETRY: tuple[dict[str, Any], ...] = (
    {"kernel": (1, 1), "outputs": 5},
    {"kernel": (1, 1), "stride": (2, 3)},
    {"kernel": (2, 4), "stride": (2, 1), "height": 9, "width": 5},
    {"kernel": (3, 2), "dilation": (2, 3), "height": 8, "width": 9},
    {"kernel": (5, 1), "channels": 1, "outputs": 3, "width": 1},
    {"kernel": (7, 6)},
    {"kernel": (1, 3), "groups": 4, "channels": 12, "outputs": 20, "batch": 2},
    {"kernel": (3, 3), "channels": 3, "outputs": 5, "batch": 3},
    {"kernel": (1, 1), "channels": 17, "outputs": 33, "height": 1, "width": 1},
)
_DEPTHWISE_GEOMETRY: tuple[dict[str, Any], ...] = (
    {"channels": 8, "outputs": 24},
    {"channels": 3, "outputs": 15, "kernel": (2, 5), "stride": (2, 2)},
    {"channels": 1, "outputs": 7},
    {"channels": 1, "outputs": 1, "kernel": (1, 1)},
    {"channels": 16, "outputs": 16, "dilation": (2, 2), "batch": 2},
    {"channels": 5, "outputs": 5, "stride": (3, 1), "kernel": (3, 4)},
    {"channels": 8, "outputs": 8, "height": 1, "width": 6, "kernel": (1, 6)},
)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_convolutions_of_every_geometry(padding: str) -> None:
    assert_planes_match(*(ORDINARY.but(padding=padding, **changes) for changes in _ORDINARY_GEOMETRY))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_depthwise_convolutions_of_every_geometry(padding: str) -> None:
    assert_planes_match(*(DEPTHWISE.but(padding=padding, **changes) for changes in _DEPTHWISE_GEOMETRY))


def test_filters_larger_than_their_input() -> None:
    larger: dict[str, Any] = {"height": 2, "width": 1, "kernel": (5, 4)}
    assert_planes_match(ORDINARY.but(**larger), DEPTHWISE.but(**larger))


# --------------------------------------------------------------------------------- arithmetic


@BOTH
def test_fused_activations(case: Plane) -> None:
    assert_planes_match(
        *(case.but(activation=activation, output_scale=0.05) for activation in ACTIVATIONS),
        case.but(activation="RELU6", output_scale=0.01, output_zero_point=120),
    )


@BOTH
def test_zero_points_at_both_ends(case: Plane) -> None:
    ends = ((-128, -128), (-128, 127), (127, -128), (127, 127))
    assert_planes_match(*(case.but(input_zero_point=a, output_zero_point=b, bias=None) for a, b in ends))


@BOTH
def test_saturated_weights(case: Plane) -> None:
    assert_planes_match(*(case.but(weights=end, output_scale=1.0) for end in ("lowest", "highest")))


@BOTH
@pytest.mark.parametrize(
    "scales",
    [
        (1e-4, 0.003, 0.02, 0.1, 0.5, 1.0, 3.0, 20.0),
        (2.0**-40, 1.0, 0.5, 0.25, 2.0**-31, 2.0**-32, 2.0**-33, 0.75),
        (1e-30, 1e-20, 1e-12, 1e-10, 2e-10, 4e-10, 1e-9, 1e-9),
        (2.0**29, 2.0**-31, 1.0, 2.0**-1, 2.0**-30, 0.99999999, 2.0**-40, 2.0),
    ],
    ids=["small", "to_nothing", "nothing", "left_shifts"],
)
def test_factors_from_nothing_to_left_shifts_in_one_layer(case: Plane, scales: tuple[float, ...]) -> None:
    unit = case.but(channels=8, input_scale=1.0, output_scale=1.0, weight_scale=scales)
    assert_planes_match(unit.but(bias=100), unit.but(bias=1 << 20, output_zero_point=127))


@BOTH
def test_one_factor_for_all_channels(case: Plane) -> None:
    factors = (2.0**-1, 1.0, 0.99, 3.0, 2.0**-31, 2.0**-32, 1e-12)
    unit = case.but(input_scale=1.0, output_scale=1.0, kernel=(1, 1))
    assert_planes_match(*(unit.but(weight_scale=factor) for factor in factors))


@BOTH
def test_biases_near_the_ends_of_int32(case: Plane) -> None:
    factors = (2.0**-31, 2.0**-25, 2.0**-24, 0.7 * 2.0**-23, 2.0**-30)
    unit = case.but(input_scale=1.0, output_scale=1.0, kernel=(2, 1), bias=(1 << 31) - (1 << 22))
    assert_planes_match(*(unit.but(weight_scale=factor) for factor in factors))


@st.composite
def planes(draw: st.DrawFn) -> Plane:
    """Any convolution whose window fits its plane."""
    kind = draw(st.sampled_from(["CONV_2D", "DEPTHWISE_CONV_2D"]))
    groups = draw(st.integers(1, 3)) if kind == "CONV_2D" else 1
    channels = draw(st.integers(1, 9)) * groups
    outputs = draw(st.integers(1, 5)) * (channels if kind == "DEPTHWISE_CONV_2D" else groups)
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    small = st.tuples(st.integers(1, 3), st.integers(1, 3))
    per_channel = st.lists(st.floats(2.0**-34, 2.0), min_size=outputs, max_size=outputs).map(tuple)
    case = Plane(
        kind=kind,
        batch=draw(st.integers(1, 2)),
        height=draw(st.integers(1, 12)),
        width=draw(st.integers(1, 12)),
        channels=channels,
        outputs=outputs,
        groups=groups,
        kernel=draw(pair),
        stride=draw(small),
        dilation=draw(small),
        padding=draw(st.sampled_from(["SAME", "VALID"])),
        activation=draw(st.sampled_from(["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])),
        input_scale=draw(st.floats(0.001, 1.0)),
        input_zero_point=draw(st.integers(-128, 127)),
        weight_scale=draw(st.one_of(st.floats(1e-5, 2.0), per_channel)),
        output_scale=draw(st.floats(0.01, 10.0)),
        output_zero_point=draw(st.integers(-128, 127)),
        bias=draw(st.sampled_from([None, 1000, 1 << 24])),
        seed=draw(st.integers(0, 1000)),
    )
    assume(min(case.output().shape) > 0)
    return case


@settings(max_examples=12, deadline=None, derandomize=True)
@given(planes())
def test_any_convolution(case: Plane) -> None:
    assert_matches_oracle(case.build(), case.seed)


@pytest.mark.full
@settings(max_examples=400, deadline=None)
@given(planes())
def test_many_convolutions(case: Plane) -> None:
    assert_matches_oracle(case.build(), case.seed)


# ----------------------------------------------------------------------------- fully connected


def dense(
    data: tuple[int, ...] = (1, 20),
    outputs: int = 9,
    *,
    output: tuple[int, ...] | None = None,
    input_scale: float = 0.02,
    weight_scale: Scale = 0.01,
    output_scale: float = 0.1,
    zero_points: tuple[int, int] = (5, -3),
    bias: int | None = 500,
    weights: str = "random",
    inputs: int | None = None,
    **options: Any,
) -> bytes:
    random = np.random.default_rng(0)
    model = ModelBuilder()
    x = model.input(data, scale=input_scale, zero_point=zero_points[0])
    shape = (outputs, inputs or data[-1])
    operands = [x, model.constant(_weights(random, shape, weights), scale=weight_scale)]
    if bias is not None:
        # The reference compares the bias's scale with the product of the others.
        scale = float(np.float32(input_scale) * np.float32(np.atleast_1d(weight_scale)[0]))
        operands.append(model.constant(_bias(random, outputs, bias), scale=scale))
    rows = int(np.prod(data)) // shape[1]
    result = spec(output or (rows, outputs), scale=output_scale, zero_point=zero_points[1])
    model.op("FULLY_CONNECTED", operands, result, **options)
    return model.build()


@pytest.mark.parametrize(
    ("data", "outputs"), [((1, 20), 9), ((1, 1), 1), ((7, 33), 16), ((1, 640), 128), ((3, 5), 100)]
)
def test_fully_connected_sizes(data: tuple[int, ...], outputs: int) -> None:
    assert_matches_oracle(dense(data, outputs, output_scale=0.5))


def test_the_product_of_a_dense_layers_scales_is_not_rounded_to_float32() -> None:
    # Biases whose outputs are so near the middle of two integers that the rounding would show.
    data, weight, out = (float(np.float32(value)) for value in (0.064059205, 0.027708884, 1937.4932))
    exact, rounded = data * weight, float(np.float32(data * weight))
    middles = ((np.arange(-120, 120) + 0.5) * out / exact).astype(np.int64)
    biases = (middles[:, np.newaxis] + np.arange(-8, 9)).reshape(-1)
    wrong, right = (scale_integers(biases, Multiplier.of(factor / out)) for factor in (rounded, exact))
    assert (wrong != right).any()
    model = ModelBuilder()
    x = model.input((1, 1), scale=data)
    weights = model.constant(np.zeros((biases.size, 1), np.int8), scale=weight)
    bias = model.constant(biases.astype(np.int32), scale=rounded)
    model.op("FULLY_CONNECTED", [x, weights, bias], spec((1, biases.size), scale=out))
    assert_matches_oracle(model.build())


def test_fully_connected_flattens_what_it_reads() -> None:
    assert_matches_oracle(dense((2, 3, 4, 5), 7, inputs=60))
    assert_matches_oracle(dense((1, 3, 4, 5), 7, inputs=10))


def test_fully_connected_keeps_dimensions() -> None:
    assert_matches_oracle(dense((2, 3, 4, 5), 7, output=(2, 3, 4, 7), keep_num_dims=True))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_fully_connected_activations(activation: str) -> None:
    assert_matches_oracle(dense(fused_activation_function=activation))


@pytest.mark.parametrize("zero_points", [(-128, 127), (127, -128)])
def test_fully_connected_zero_points_at_both_ends_without_bias(zero_points: tuple[int, int]) -> None:
    assert_matches_oracle(dense(zero_points=zero_points, bias=None))


@pytest.mark.parametrize("weights", ["lowest", "highest"])
def test_fully_connected_saturated_weights(weights: str) -> None:
    assert_matches_oracle(dense((1, 700), 5, weights=weights, output_scale=9.0))


def test_fully_connected_has_one_scale_per_channel() -> None:
    scales = (1e-12, 2.0**-31, 1e-5, 0.001, 0.01, 0.1, 1.0, 4.0, 2.0**20)
    assert_matches_oracle(dense(weight_scale=scales, input_scale=1.0, output_scale=1.0))


@pytest.mark.parametrize("factor", [1e-12, 2.0**-31, 0.5, 1.0, 50.0])
def test_fully_connected_factors(factor: float) -> None:
    assert_matches_oracle(dense(weight_scale=factor, input_scale=1.0, output_scale=1.0, bias=1 << 16))


# --------------------------------------------------------------------------------- refusals


def _model(
    *,
    kind: str = "CONV_2D",
    data: tuple[int, ...] = (1, 4, 4, 2),
    weights: tuple[int, ...] = (3, 1, 1, 2),
    out: tuple[int, ...] = (1, 4, 4, 3),
    weight_dtype: str = "int8",
    weight_scale: Scale = 0.1,
    weight_zero_point: int = 0,
    axis: int = 0,
    bias: Any = None,
    computed_bias: bool = False,
    computed_weights: bool = False,
    in_dtype: str = "int8",
    out_dtype: str = "int8",
    **options: Any,
) -> bytes:
    model = ModelBuilder()
    x = model.input(data, in_dtype, 0.1)
    if computed_weights:
        w = model.input(weights, "int8", 0.1)
    else:
        w = model.constant(np.ones(weights, weight_dtype), weight_scale, weight_zero_point, axis=axis)
    operands = [x, w]
    if computed_bias:
        operands.append(model.input((3,), "int32", 1.0))
    elif bias is not None:
        operands.append(model.constant(bias, 1.0))
    if kind != "FULLY_CONNECTED":
        options = {
            "padding": "VALID", "stride_h": 1, "stride_w": 1, "dilation_h_factor": 1,
            "dilation_w_factor": 1, **options,
        }  # fmt: skip
    model.op(kind, operands, spec(out, out_dtype, 0.1), **options)
    return model.build()


def test_what_is_not_int8_is_refused() -> None:
    assert_refused(_model(in_dtype="int16"), input_is_int8)
    assert_refused(_model(out_dtype="int16"), output_is_int8)
    assert_refused(_model(weight_dtype="int16"), convolved.weights_are_constant_int8)


def test_computed_weights_and_biases_are_refused() -> None:
    assert_refused(_model(computed_weights=True), convolved.weights_are_constant_int8)
    reason = assert_refused(_model(computed_bias=True), convolution.bias_is_constant_int32)
    assert "computed by the network" in reason


def test_a_bias_of_another_type_or_size_is_refused() -> None:
    assert_refused(_model(bias=np.ones(3, np.int16)), convolution.bias_is_constant_int32)
    assert_refused(_model(bias=np.ones(2, np.int32)), convolution.bias_is_constant_int32)


def test_asymmetric_weights_are_refused() -> None:
    assert_refused(_model(weight_zero_point=4), convolved.weights_are_symmetric)


def test_scales_along_another_axis_are_refused() -> None:
    assert_refused(_model(weight_scale=(0.1, 0.2), axis=3), convolved.scales_per_channel_match)


def test_activations_that_are_no_clamp_are_refused() -> None:
    for activation in ("TANH", "SIGN_BIT"):
        model = _model(fused_activation_function=activation)
        assert activation in assert_refused(model, fused_activation_is_a_clamp)


def test_an_activation_whose_bound_overflows_is_refused() -> None:
    model = ORDINARY.build(activation="RELU6", output_scale=1e-9)
    assert_refused(model, fused_activation_is_a_clamp)


def test_shapes_that_do_not_fit_are_refused() -> None:
    assert_refused(_model(data=(1, 4, 4, 3)), convolution.convolution_shapes_agree)
    assert_refused(_model(out=(2, 4, 4, 3)), convolution.convolution_shapes_agree)
    assert_refused(_model(out=(1, 3, 4, 3)), convolution.output_size_follows_from_padding)
    depthwise: dict[str, Any] = {"kind": "DEPTHWISE_CONV_2D", "depth_multiplier": 1}
    assert_refused(_model(**depthwise), convolution.depthwise_shapes_agree)
    assert_refused(_model(**depthwise, weights=(1, 1, 1, 3)), convolution.depthwise_shapes_agree)


def test_a_depth_multiplier_that_is_not_the_shapes_is_refused() -> None:
    fitting: dict[str, Any] = {"kind": "DEPTHWISE_CONV_2D", "data": (1, 4, 4, 3), "weights": (1, 1, 1, 3)}
    for multiplier in (0, 2, -1):
        model = _model(**fitting, depth_multiplier=multiplier)
        assert_refused(model, convolution.depth_multiplier_agrees)


@pytest.mark.parametrize("name", ["stride_h", "stride_w", "dilation_h_factor", "dilation_w_factor"])
def test_strides_and_dilations_out_of_range_are_refused(name: str) -> None:
    for step in (0, -1, 1 << 15):
        option: dict[str, Any] = {name: step}
        assert_refused(_model(**option), window_advances)


def test_padding_that_16_bits_hold_is_computed_and_longer_padding_is_refused() -> None:
    sparse = ORDINARY.but(dilation=((1 << 15) - 1, 1))
    assert_matches_oracle(sparse.build(kernel=(3, 1)))
    assert_refused(sparse.build(kernel=(5, 1)), convolution.padding_fits_16_bits)


def test_enormous_padding_is_refused() -> None:
    model = ORDINARY.build(dilation=(1 << 14, 1 << 14))
    assert_refused(model, convolution.padded_plane_is_not_huge)


def test_enormous_factors_are_refused() -> None:
    assert_refused(ORDINARY.build(output_scale=1e-20), convolution.scales_are_in_proportion)


def test_dense_shapes_that_do_not_fit_are_refused() -> None:
    flat: dict[str, Any] = {"kind": "FULLY_CONNECTED", "data": (1, 6), "out": (1, 3)}
    assert_refused(_model(**flat, weights=(3, 4)), convolution.dense_shapes_agree)
    model = _model(**flat, weights=(3, 6), weights_format="SHUFFLED4x16INT8")
    assert_refused(model, convolution.weights_are_not_shuffled)


def test_a_dense_bias_of_another_scale_is_refused() -> None:
    flat: dict[str, Any] = {"kind": "FULLY_CONNECTED", "data": (1, 4), "weights": (3, 4), "out": (1, 3)}
    model = _model(**flat, bias=np.zeros(3, np.int32))
    assert_refused(model, convolution.dense_bias_is_scaled_as_the_products)


def test_a_bias_may_be_named_and_absent_but_not_of_depthwise_convolutions() -> None:
    absent: dict[str, Any] = {"bias": None, "names_absent_bias": True}
    assert_matches_oracle(ORDINARY.build(**absent))
    assert_refused(DEPTHWISE.build(**absent), convolution.depthwise_bias_is_given_or_left_out)

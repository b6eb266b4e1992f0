"""TRANSPOSE_CONV against the reference."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.lower import convolved
from edgekit.lower.operators import transpose_convolution as family
from edgekit.lower.rules import fused_activation_is_a_clamp
from edgekit.lower.windows import window_advances
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import assert_matches_oracle, assert_refused


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transposed:
    """A transposed convolution; `output` is its height and width, else what the padding suggests."""

    batch: int = 2
    size: tuple[int, int] = (5, 4)
    channels: int = 3
    outputs: int = 6
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (2, 2)
    padding: str = "SAME"
    activation: str = "NONE"
    output: tuple[int, int] | None = None
    input_scale: float = 0.02
    input_zero_point: int = 3
    weight_scale: float | tuple[float, ...] = 0.01
    weight_zero_point: int = 0
    output_scale: float = 0.2
    output_zero_point: int = -3
    bias: int | None = 1000
    bias_values: int | None = None
    dtype: str = "int8"
    weight_channels: int | None = None
    stated_shape: tuple[int, ...] | None = None
    computed_shape: bool = False

    def output_shape(self) -> tuple[int, int, int, int]:
        """The shape of the output."""
        high, wide = self.output or (
            size * stride if self.padding == "SAME" else (size - 1) * stride + max(kernel, stride)
            for size, stride, kernel in zip(self.size, self.stride, self.kernel, strict=True)
        )
        return (self.batch, high, wide, self.outputs)

    def add_to(self, model: ModelBuilder) -> None:
        """Add the operator, with an input of its own."""
        random = np.random.default_rng(0)
        shape = model.input((4,), "int32") if self.computed_shape else model.constant(
            np.array(self.stated_shape or self.output_shape(), np.int32)
        )  # fmt: skip
        filters = (self.outputs, *self.kernel, self.weight_channels or self.channels)
        weights = model.constant(
            random.integers(-127, 128, filters).astype(np.int8), self.weight_scale, self.weight_zero_point
        )
        data = (self.batch, *self.size, self.channels)
        x = model.input(data, self.dtype, self.input_scale, self.input_zero_point)
        inputs = [shape, weights, x]
        if self.bias is not None:
            values = random.integers(-self.bias, self.bias, self.bias_values or self.outputs)
            inputs.append(model.constant(values.astype(np.int32), 1.0))
        output = spec(self.output_shape(), self.dtype, self.output_scale, self.output_zero_point)
        model.op(
            "TRANSPOSE_CONV",
            inputs,
            output,
            padding=self.padding,
            stride_h=self.stride[0],
            stride_w=self.stride[1],
            fused_activation_function=self.activation,
        )

    def build(self) -> bytes:
        """A model of this operator."""
        model = ModelBuilder()
        self.add_to(model)
        return model.build()


def assert_all_match(*cases: Transposed) -> None:
    """Compare operators side by side in one model: output i is that of case i."""
    model = ModelBuilder()
    for case in cases:
        case.add_to(model)
    assert_matches_oracle(model.build())


_GEOMETRY: tuple[dict[str, Any], ...] = (
    {},
    {"kernel": (5, 2), "stride": (3, 3)},
    {"stride": (1, 1)},
    {"kernel": (1, 1)},
    {"kernel": (4, 4), "outputs": 16},
    {"kernel": (7, 6), "stride": (2, 3)},
    {"kernel": (6, 6), "stride": (1, 1), "batch": 1},
    {"kernel": (1, 3), "stride": (4, 2), "channels": 1, "outputs": 1},
    {"size": (1, 1), "kernel": (2, 2)},
)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_every_geometry(padding: str) -> None:
    assert_all_match(*(Transposed(padding=padding, **changes) for changes in _GEOMETRY))


def test_outputs_that_the_input_does_not_fill_or_exceeds() -> None:
    assert_all_match(
        Transposed(output=(9, 7)),
        Transposed(output=(3, 3), padding="VALID"),
        Transposed(output=(14, 20), padding="VALID"),
        Transposed(output=(13, 11), stride=(3, 3), kernel=(8, 9)),
        Transposed(output=(1, 1), size=(1, 1)),
    )


def test_outputs_smaller_than_the_input_whose_windows_start_before_it() -> None:
    # What the windows read is as large as the input, but is not the input.
    assert_all_match(
        Transposed(size=(2, 1), kernel=(2, 2), stride=(1, 4), output=(1, 4)),
        Transposed(size=(2, 2), kernel=(2, 2), stride=(1, 1), output=(1, 1)),
        Transposed(size=(4, 4), kernel=(4, 4), stride=(2, 2), output=(5, 5), padding="VALID"),
    )


def test_fused_activations_and_no_bias() -> None:
    activations = ("RELU", "RELU6", "RELU_N1_TO_1")
    assert_all_match(
        *(Transposed(activation=name, output_scale=0.02, output_zero_point=0) for name in activations),
        Transposed(bias=None),
    )


def test_zero_points_at_both_ends() -> None:
    ends = ((-128, 127), (127, -128), (-128, -128))
    assert_all_match(*(Transposed(input_zero_point=a, output_zero_point=b) for a, b in ends))


def test_factors_from_nothing_to_left_shifts() -> None:
    unit: dict[str, Any] = {"input_scale": 1.0, "output_scale": 1.0, "stride": (1, 1), "kernel": (2, 2)}
    mixed = (2.0**29, 2.0**-31, 1.0, 2.0**-40, 2.0**-30, 0.99999999)
    assert_all_match(
        Transposed(weight_scale=mixed, **unit),
        *(Transposed(weight_scale=factor, **unit) for factor in (1e-12, 2.0**-31, 0.5, 1.0, 30.0)),
        Transposed(weight_scale=(1e-4, 0.003, 0.02, 0.1, 0.5, 1.0)),
    )


@st.composite
def any_transposed(draw: st.DrawFn) -> Transposed:
    """Any small transposed convolution."""
    small, side = st.integers(1, 4), st.integers(1, 6)
    outputs = draw(st.integers(1, 9))
    return Transposed(
        batch=draw(st.integers(1, 2)),
        size=(draw(side), draw(side)),
        channels=draw(st.integers(1, 9)),
        outputs=outputs,
        kernel=(draw(side), draw(side)),
        stride=(draw(small), draw(small)),
        padding=draw(st.sampled_from(["SAME", "VALID"])),
        activation=draw(st.sampled_from(["NONE", "RELU", "RELU6"])),
        input_zero_point=draw(st.integers(-128, 127)),
        output_zero_point=draw(st.integers(-128, 127)),
        weight_scale=tuple(draw(st.lists(st.floats(1e-5, 1.0), min_size=outputs, max_size=outputs))),
        bias=draw(st.sampled_from([None, 1000])),
    )


@settings(max_examples=8, deadline=None, derandomize=True)
@given(any_transposed())
def test_any_transposed_convolution(case: Transposed) -> None:
    assert_matches_oracle(case.build())


@pytest.mark.full
@settings(max_examples=300, deadline=None)
@given(any_transposed())
def test_many_transposed_convolutions(case: Transposed) -> None:
    assert_matches_oracle(case.build())


# --------------------------------------------------------------------------------- refusals


def test_other_types_are_refused() -> None:
    assert_refused(Transposed(dtype="int16", input_zero_point=0).build(), family.transposed_data_is_int8)


def test_asymmetric_weights_are_refused() -> None:
    assert_refused(Transposed(weight_zero_point=1).build(), convolved.weights_are_symmetric)


def test_an_output_shape_that_is_computed_or_disagrees_is_refused() -> None:
    assert_refused(Transposed(computed_shape=True).build(), family.output_shape_is_constant)
    assert_refused(Transposed(stated_shape=(2, 9, 8, 6)).build(), family.output_shape_is_constant)


def test_shapes_that_do_not_fit_are_refused() -> None:
    assert_refused(Transposed(weight_channels=2).build(), family.transposed_shapes_agree)
    valid = Transposed(padding="VALID", output=(2, 2))
    assert_refused(valid.build(), family.transposed_output_is_as_large_as_the_filter)


def test_a_bias_of_another_size_is_refused() -> None:
    assert_refused(Transposed(bias_values=5).build(), family.transposed_bias_is_constant_int32)


def test_impossible_options_are_refused() -> None:
    assert_refused(Transposed(activation="TANH").build(), fused_activation_is_a_clamp)
    assert_refused(Transposed(stride=(0, 1), output=(5, 4)).build(), window_advances)


def test_enormous_strides_and_factors_are_refused() -> None:
    huge = Transposed(stride=(1 << 14, 1 << 14), output=(5, 4))
    assert_refused(huge.build(), family.spread_out_input_is_not_huge)
    assert_refused(Transposed(output_scale=1e-20).build(), family.scales_are_in_proportion)


def test_padding_that_16_bits_cannot_hold_is_refused() -> None:
    tall = Transposed(kernel=((1 << 16) + 1, 1), stride=(1, 1), channels=1, outputs=1, output=(4, 4))
    assert_refused(tall.build(), family.transposed_padding_fits_16_bits)

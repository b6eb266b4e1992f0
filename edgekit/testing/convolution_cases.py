"""Models of many small convolutions, to try a micro-kernel on every shape at once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.testing.tflite_builder import ModelBuilder, spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class ConvolutionCase:
    """One convolution of an int8 plane [1, height, width, channels], depthwise or not."""

    height: int
    width: int
    channels: int
    filters: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: str = "SAME"
    dilation: int = 1
    depth_multiplier: int | None = None  # depthwise: this many filters a channel instead of `filters`

    @property
    def out_channels(self) -> int:
        """Channels of the output."""
        return self.filters if self.depth_multiplier is None else self.channels * self.depth_multiplier

    @property
    def filter_shape(self) -> tuple[int, int, int, int]:
        """The shape of the weights, as TFLite wants it."""
        if self.depth_multiplier is None:
            return self.filters, *self.kernel, self.channels
        return 1, *self.kernel, self.out_channels


@dataclasses.dataclass(frozen=True)
class Numbers:
    """Quantization and values of all convolutions of a model."""

    input_scale: float = 0.02
    weight_scale: float = 0.01
    weight_scale_step: float = 0.01  # the scale of filter i is weight_scale + i % 7 of these
    output_scale: float = 0.3
    output_zero_point: int = -7
    lowest_weight: int = -127
    highest_weight: int = 127
    bias_limit: int = 3000
    activation: str = "NONE"


def convolutions_model(cases: Sequence[ConvolutionCase], numbers: Numbers) -> bytes:
    """One model of unconnected convolutions, an input and an output each."""
    random = np.random.default_rng(0)
    model = ModelBuilder()
    for case in cases:
        _add(model, case, numbers, random)
    return model.build()


def _add(model: ModelBuilder, case: ConvolutionCase, numbers: Numbers, random: np.random.Generator) -> None:
    x = model.input((1, case.height, case.width, case.channels), scale=numbers.input_scale, zero_point=5)
    values = random.integers(
        numbers.lowest_weight, numbers.highest_weight, case.filter_shape, endpoint=True
    ).astype(np.int8)
    values.reshape(-1)[0] = numbers.lowest_weight
    if case.depth_multiplier is not None:
        values[..., 0] = numbers.lowest_weight  # with saturated inputs, the largest sums there are
    scales = [numbers.weight_scale + numbers.weight_scale_step * (i % 7) for i in range(case.out_channels)]
    weights = model.constant(values, scale=scales, axis=0 if case.depth_multiplier is None else 3)
    bias = random.integers(-numbers.bias_limit, numbers.bias_limit, case.out_channels, endpoint=True)
    bias[0] = numbers.bias_limit
    out = spec(
        (1, *_size(case), case.out_channels), scale=numbers.output_scale, zero_point=numbers.output_zero_point
    )
    options: dict[str, Any] = {}
    if case.depth_multiplier is not None:
        options["depth_multiplier"] = case.depth_multiplier
    model.op(
        "CONV_2D" if case.depth_multiplier is None else "DEPTHWISE_CONV_2D",
        [x, weights, model.constant(bias.astype(np.int32), scale=scales)],
        [out],
        padding=case.padding,
        stride_h=case.stride,
        stride_w=case.stride,
        dilation_h_factor=case.dilation,
        dilation_w_factor=case.dilation,
        fused_activation_function=numbers.activation,
        **options,
    )


def extreme_and_random_frames(cases: Sequence[ConvolutionCase]) -> list[tuple[NDArray[Any], ...]]:
    """All lowest, all highest, and two random frames."""
    random = np.random.default_rng(1)
    shapes = [(1, case.height, case.width, case.channels) for case in cases]
    extremes = [tuple(np.full(shape, fill, np.int8) for shape in shapes) for fill in (-128, 127)]
    drawn = [tuple(random.integers(-128, 128, s).astype(np.int8) for s in shapes) for _ in range(2)]
    return [*extremes, *drawn]


def _size(case: ConvolutionCase) -> list[int]:
    sides = ((case.height, case.kernel[0]), (case.width, case.kernel[1]))
    if case.padding == "SAME":
        return [-(-side // case.stride) for side, _ in sides]
    return [(side - (kernel - 1) * case.dilation - 1) // case.stride + 1 for side, kernel in sides]

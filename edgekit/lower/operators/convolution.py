"""CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.compute.convolution import Convolution
from edgekit.lower.convolved import (
    WEIGHTS,
    bias_problem,
    convolution_factors,
    convolution_kernel,
    dense,
    factors_problem,
    fold,
    padding_problem,
)
from edgekit.lower.rules import INT8_TO_INT8, Support, found, fused_activation_is_a_clamp, is_rank_4
from edgekit.lower.windows import padding_is_long, same_or_valid_padding, window_advances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.compute.fixed_point import Multiplier, Requantization
    from edgekit.lower.kernel import Kernel
    from edgekit.lower.view import OperatorView


_BIAS_TOLERANCE = 0.02

# --------------------------------------------------------------------------------------- rules


def bias_is_constant_int32(view: OperatorView) -> str | None:
    """The bias, if there is one, must be constant int32 with one value per output channel."""
    return bias_problem(view.optional_input(2), view.output.shape[-1] if view.output.shape else 1)


def scales_are_in_proportion(view: OperatorView) -> str | None:
    """Input scale x weight scale must be less than 2**30 times the output's scale."""
    return factors_problem(_factors(view))


def convolution_shapes_agree(view: OperatorView) -> str | None:
    """Filter, input and output shapes must fit together: groups divide both channel counts."""
    data, weights, out = view.input(0).shape, view.input(1).shape, view.output.shape
    if len(weights) != 4:
        return f"the filter has shape {list(weights)}"
    if weights[0] != out[3] or data[3] % weights[3] or out[3] % (data[3] // weights[3]) or data[0] != out[0]:
        return f"input {list(data)}, filter {list(weights)}, output {list(out)}"
    return None


def depthwise_shapes_agree(view: OperatorView) -> str | None:
    """A depthwise filter must have shape [1, height, width, input channels x multiplier]."""
    data, weights, out = view.input(0).shape, view.input(1).shape, view.output.shape
    fits = len(weights) == 4 and weights[0] == 1 and weights[3] == out[3] and data[0] == out[0]
    return found(
        not fits or out[3] % data[3] != 0, f"input {list(data)}, filter {list(weights)}, output {list(out)}"
    )


def depthwise_bias_is_given_or_left_out(view: OperatorView) -> str | None:
    """A depthwise convolution without a bias must have two inputs, not a third one that is absent."""
    # TFLite Micro reads whatever it finds there.
    return found(len(view.inputs) > 2 and view.inputs[2] is None, "input 2 is absent")


def depth_multiplier_agrees(view: OperatorView) -> str | None:
    """The depth multiplier must be the output's channels divided by the input's."""
    data, out, multiplier = view.input(0).shape[3], view.output.shape[3], view.option("depth_multiplier")
    return found(multiplier * data != out, f"a multiplier of {multiplier} from {data} channels to {out}")


def output_size_follows_from_padding(view: OperatorView) -> str | None:
    """The output's height and width must follow from input, filter, stride, dilation and padding."""
    _, (high, wide) = same_or_valid_padding(view, view.input(1).shape[1:3])
    return found(view.output.shape[1:3] != (high, wide), f"{list(view.output.shape)}, not {high}x{wide}")


def padding_fits_16_bits(view: OperatorView) -> str | None:
    """The padding above and to the left of the input must be at most 32767 each."""
    window, _ = same_or_valid_padding(view, view.input(1).shape[1:3])
    return padding_is_long(window)


def padded_plane_is_not_huge(view: OperatorView) -> str | None:
    """The input with its padding must have at most 268,435,456 elements."""
    window, sizes = same_or_valid_padding(view, view.input(1).shape[1:3])
    data = view.input(0).shape
    return padding_problem(window.padded_size(*sizes), data[0], data[3])


def dense_shapes_agree(view: OperatorView) -> str | None:
    """Weights must have shape [outputs, inputs], and the input's elements must be a multiple of inputs."""
    data, weights, out = view.input(0), view.input(1), view.output
    if len(weights.shape) != 2 or not out.shape:
        return f"weights {list(weights.shape)}, output {list(out.shape)}"
    outputs, inputs = weights.shape
    fits = out.shape[-1] == outputs and data.elements * outputs == out.elements * inputs
    return found(
        not fits, f"input {list(data.shape)}, weights {list(weights.shape)}, output {list(out.shape)}"
    )


def dense_bias_is_scaled_as_the_products(view: OperatorView) -> str | None:
    """Where the weights have one scale, the bias's must be input scale x weight scale, within 0.02 of the
    output's.
    """
    data, weights, bias = view.input(0), view.input(1).quantization, view.optional_input(2)
    if bias is None or weights is None or weights.is_per_channel:
        return None
    # Source: `GetQuantizedConvolutionMultipler` of tensorflow/lite/kernels/kernel_util.cc, for which a
    # tensor without a scale of its own has the scale 0.
    scale = 0.0 if bias.quantization is None or bias.quantization.is_per_channel else bias.scale
    product = data.scale * weights.scales[0]
    return found(abs(product - scale) / view.output.scale > _BIAS_TOLERANCE, f"{scale:.6g} for {product:.6g}")


def weights_are_not_shuffled(view: OperatorView) -> str | None:
    """Weights must be in the default format."""
    name = view.operator.options.get("weights_format", "DEFAULT")
    return found(name != "DEFAULT", f"{name}")


# ------------------------------------------------------------------------------------- lowerings


def lower_conv_2d(view: OperatorView) -> Sequence[Kernel]:
    """A convolution with bias, requantize and clamp in one kernel.

    Source: `ConvPerChannel` of tensorflow/lite/kernels/internal/reference/integer_ops/conv.h.
    """
    weights = _weights(view)
    bias, requantization = _fold(view, weights, channel_axis=0)
    load = _plane(view, requantization, groups=view.input(0).shape[3] // weights.shape[3])
    return [convolution_kernel(load, view.input(0), weights, bias, view.output)]


def lower_depthwise_conv_2d(view: OperatorView) -> Sequence[Kernel]:
    """A depthwise convolution with bias, requantize and clamp in one kernel.

    Over a single input channel it is an ordinary convolution, which shares each pixel among the filters.
    Source: `DepthwiseConvPerChannel` of
    tensorflow/lite/kernels/internal/reference/integer_ops/depthwise_conv.h.
    """
    weights = _weights(view)[0]
    bias, requantization = _fold(view, weights, channel_axis=2)
    ordinary = view.input(0).shape[3] == 1
    load = _plane(view, requantization, depthwise=not ordinary)
    if ordinary:
        weights = np.ascontiguousarray(weights.transpose(2, 0, 1)[..., np.newaxis])
    return [convolution_kernel(load, view.input(0), weights, bias, view.output)]


def lower_fully_connected(view: OperatorView) -> Sequence[Kernel]:
    """A matrix product with bias, requantize and clamp: a 1x1 convolution over `batch` pixels.

    Source: `FullyConnected` and `FullyConnectedPerChannel` of
    tensorflow/lite/kernels/internal/reference/integer_ops/fully_connected.h.
    """
    outputs, inputs = view.input(1).shape
    weights = _weights(view).reshape(outputs, 1, 1, inputs)
    bias, requantization = _fold(view, weights, channel_axis=0)
    load = dense(view.output.elements // outputs, inputs, outputs, view.input(0), requantization)
    return [convolution_kernel(load, view.input(0), weights, bias, view.output)]


def _weights(view: OperatorView) -> NDArray[np.int8]:
    data = view.input(1).data
    assert data is not None, view.where
    return data


def _fold(
    view: OperatorView, weights: NDArray[np.int8], *, channel_axis: int
) -> tuple[NDArray[np.int32], Requantization]:
    bias = view.optional_input(2)
    return fold(
        weights,
        view.input(0),
        view.output,
        _factors(view),
        bias=None if bias is None or bias.data is None else bias.data.reshape(-1),
        activation=view.option("fused_activation_function"),
        channel_axis=channel_axis,
    )


def _plane(
    view: OperatorView, requantization: Requantization, *, groups: int = 1, depthwise: bool = False
) -> Convolution:
    data = view.input(0)
    window, (out_height, out_width) = same_or_valid_padding(view, view.input(1).shape[1:3])
    batch, height, width, channels = data.shape
    return Convolution(
        batch=batch,
        height=height,
        width=width,
        in_channels=channels,
        out_height=out_height,
        out_width=out_width,
        out_channels=view.output.shape[3],
        window=window,
        groups=groups,
        depthwise=depthwise,
        pad_value=data.zero_point,
        requantization=requantization,
    )


def _factors(view: OperatorView) -> tuple[Multiplier, ...]:
    """One factor per output channel."""
    quantization = view.input(1).quantization
    assert quantization is not None, view.where
    return convolution_factors(view.input(0), quantization, view.output, view.output.shape[-1])


_FILTER = (*INT8_TO_INT8, *WEIGHTS, bias_is_constant_int32, fused_activation_is_a_clamp)
_PLANE = (*_FILTER, is_rank_4)
_WINDOW = (window_advances, output_size_follows_from_padding, padding_fits_16_bits, padded_plane_is_not_huge)

OPERATORS = {
    "CONV_2D": Support(
        (*_PLANE, convolution_shapes_agree, *_WINDOW, scales_are_in_proportion), lower_conv_2d
    ),
    "DEPTHWISE_CONV_2D": Support(
        (
            *_PLANE,
            depthwise_bias_is_given_or_left_out,
            depthwise_shapes_agree,
            depth_multiplier_agrees,
            *_WINDOW,
            scales_are_in_proportion,
        ),
        lower_depthwise_conv_2d,
    ),
    "FULLY_CONNECTED": Support(
        (
            *_FILTER,
            dense_shapes_agree,
            weights_are_not_shuffled,
            dense_bias_is_scaled_as_the_products,
            scales_are_in_proportion,
        ),
        lower_fully_connected,
    ),
}

"""CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.artifacts import DType
from edgekit.compute.convolution import Convolution, Window, convolution, fold_zero_point
from edgekit.compute.fixed_point import Multiplier, Requantization
from edgekit.lower.kernel import Kernel, KernelBuilder, Template
from edgekit.lower.quantization import activation_range
from edgekit.lower.rules import INT8_TO_INT8, Support, found, is_rank_4
from edgekit.lower.windows import same_or_valid_padding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.artifacts import Tensor
    from edgekit.lower.view import OperatorView


# --------------------------------------------------------------------------------------- rules


def weights_are_constant_int8(view: OperatorView) -> str | None:
    """Weights must be constant int8."""
    tensor = view.input(1)
    if tensor.dtype is not DType.INT8:
        return f"{tensor.name!r} is {tensor.dtype}"
    return found(tensor.data is None, f"{tensor.name!r} is computed by the network")


def weights_are_symmetric(view: OperatorView) -> str | None:
    """Weights must be quantized symmetrically: every zero point 0."""
    quantization = view.input(1).quantization
    if quantization is None:
        return f"{view.input(1).name!r} has no scale"
    return found(any(quantization.zero_points), f"zero points {sorted(set(quantization.zero_points))[:4]}")


def bias_is_constant_int32(view: OperatorView) -> str | None:
    """The bias, if there is one, must be constant int32 with one value per output channel."""
    bias = view.optional_input(2)
    if bias is None:
        return None
    if bias.dtype is not DType.INT32:
        return f"{bias.name!r} is {bias.dtype}"
    if bias.data is None:
        return f"{bias.name!r} is computed by the network"
    channels = view.output.shape[-1] if view.output.shape else 1
    return found(bias.elements != channels, f"{bias.elements} values for {channels} channels")


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


def output_size_follows_from_padding(view: OperatorView) -> str | None:
    """The output's height and width must follow from input, filter, stride, dilation and padding."""
    window, (high, wide) = same_or_valid_padding(view, view.input(1).shape[1:3])
    del window
    return found(
        tuple(view.output.shape[1:3]) != (high, wide), f"{list(view.output.shape)}, not {high}x{wide}"
    )


def scales_per_channel_match(view: OperatorView) -> str | None:
    """Per-channel weights need one scale for each output channel."""
    quantization = view.input(1).quantization
    count = 1 if quantization is None else len(quantization.scales)
    channels = view.output.shape[-1] if view.output.shape else 1
    return found(count not in (1, channels), f"{count} scales for {channels} channels")


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


def weights_are_not_shuffled(view: OperatorView) -> str | None:
    """Weights must be in the default format."""
    name = view.operator.options.get("weights_format", "DEFAULT")
    return found(name != "DEFAULT", f"{name}")


# ------------------------------------------------------------------------------------- lowerings


def lower_conv_2d(view: OperatorView) -> Sequence[Kernel]:
    """A convolution with bias, requantize and clamp in one kernel."""
    data, weights = view.input(0), view.input(1)
    window, _ = same_or_valid_padding(view, weights.shape[1:3])
    batch, high, wide, channels = data.shape
    return [
        _kernel(view, _constant(weights), channel_axis=0, geometry={
            "batch": batch, "height": high, "width": wide, "in_channels": channels,
            "out_height": view.output.shape[1], "out_width": view.output.shape[2],
            "out_channels": view.output.shape[3], "window": window,
            "groups": channels // weights.shape[3],
        })
    ]  # fmt: skip


def lower_depthwise_conv_2d(view: OperatorView) -> Sequence[Kernel]:
    """A depthwise convolution with bias, requantize and clamp in one kernel."""
    data, weights = view.input(0), view.input(1)
    window, _ = same_or_valid_padding(view, weights.shape[1:3])
    batch, high, wide, channels = data.shape
    return [
        _kernel(view, _constant(weights)[0], channel_axis=2, geometry={
            "batch": batch, "height": high, "width": wide, "in_channels": channels,
            "out_height": view.output.shape[1], "out_width": view.output.shape[2],
            "out_channels": view.output.shape[3], "window": window, "depthwise": True,
        })
    ]  # fmt: skip


def lower_fully_connected(view: OperatorView) -> Sequence[Kernel]:
    """A matrix product with bias, requantize and clamp: a 1x1 convolution over `batch` pixels."""
    outputs, inputs = view.input(1).shape
    pixels = view.output.elements // outputs
    return [
        _kernel(view, _constant(view.input(1)).reshape(outputs, 1, 1, inputs), channel_axis=0, geometry={
            "batch": 1, "height": 1, "width": pixels, "in_channels": inputs,
            "out_height": 1, "out_width": pixels, "out_channels": outputs,
            "window": Window(kernel_h=1, kernel_w=1),
        })
    ]  # fmt: skip


def _constant(tensor: Tensor) -> NDArray[np.int8]:
    assert tensor.data is not None, tensor.name
    return tensor.data


def _kernel(
    view: OperatorView, weights: NDArray[np.int8], *, channel_axis: int, geometry: dict[str, object]
) -> Kernel:
    """The kernel of a workload: `weights` in the layout that `compute.convolution` reads."""
    data, out = view.input(0), view.output
    bias = view.optional_input(2)
    folded, bound = fold_zero_point(
        weights, None if bias is None else bias.data, data.zero_point, channel_axis
    )
    low, high = activation_range(view.option("fused_activation_function"), out)
    requantization = Requantization(
        factors=_factors(view), zero_point=out.zero_point, low=low, high=high, bound=bound
    )
    load = Convolution(pad_value=data.zero_point, requantization=requantization, **geometry)  # type: ignore[arg-type]  # each caller gives the fields of its kind
    kernel = KernelBuilder()
    result = convolution(
        kernel.read(data, (load.batch, load.height, load.width, load.in_channels)),
        kernel.constant(weights, "weights"),
        kernel.constant(folded, "bias"),
        kernel.constant(requantization.multipliers, "multiplier"),
        kernel.constant(requantization.shifts, "shift"),
        load,
    )
    template = Template.DEPTHWISE if load.depthwise else Template.CONVOLUTION
    return kernel.finish(result, out, template, macs=load.macs, workload=load)


def _factors(view: OperatorView) -> tuple[Multiplier, ...]:
    """One factor per output channel: input scale * weight scale / output scale.

    Convolutions multiply in double (`PopulateConvolutionQuantizationParams`); a fully connected layer with
    one scale multiplies the two scales in float first (`GetQuantizedConvolutionMultipler`).
    """
    channels = view.output.shape[-1]
    data, out = view.input(0).scale, view.output.scale
    quantization = view.input(1).quantization
    assert quantization is not None
    if view.operator.kind == "FULLY_CONNECTED" and not quantization.is_per_channel:
        product = float(np.float32(data) * np.float32(quantization.scales[0]))
        return (Multiplier.of(product / out),) * channels
    scales = quantization.scales if quantization.is_per_channel else quantization.scales * channels
    return tuple(Multiplier.of(data * scale / out) for scale in scales)


_FILTER = (
    *INT8_TO_INT8,
    weights_are_constant_int8,
    weights_are_symmetric,
    scales_per_channel_match,
    bias_is_constant_int32,
)
_CONVOLUTION = (*_FILTER, is_rank_4)

OPERATORS = {
    "CONV_2D": Support(
        (*_CONVOLUTION, convolution_shapes_agree, output_size_follows_from_padding), lower_conv_2d
    ),
    "DEPTHWISE_CONV_2D": Support(
        (*_CONVOLUTION, depthwise_shapes_agree, output_size_follows_from_padding), lower_depthwise_conv_2d
    ),
    "FULLY_CONNECTED": Support(
        (*_FILTER, dense_shapes_agree, weights_are_not_shuffled), lower_fully_connected
    ),
}

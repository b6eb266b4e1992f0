"""What operators that multiply by constant weights share: rules about them, their factors, their kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.artifacts import DType
from edgekit.compute.convolution import Convolution, Window, convolution, fold_zero_point
from edgekit.compute.fixed_point import Multiplier, Requantization
from edgekit.lower.kernel import KernelBuilder, Template
from edgekit.lower.quantization import activation_range
from edgekit.lower.rules import found

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgekit.artifacts import Quantization, Tensor
    from edgekit.lower.kernel import Kernel, Scratch
    from edgekit.lower.view import OperatorView

_MOST_LEFT_SHIFT = 30
_MOST_PADDED_ELEMENTS = 1 << 28


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


def scales_per_channel_match(view: OperatorView) -> str | None:
    """Per-channel weights need one scale for each output channel."""
    quantization = view.input(1).quantization
    count = 1 if quantization is None else len(quantization.scales)
    channels = view.output.shape[-1] if view.output.shape else 1
    return found(count not in (1, channels), f"{count} scales for {channels} channels")


def bias_problem(bias: Tensor | None, channels: int) -> str | None:
    """What is wrong with an optional bias, if anything."""
    if bias is None:
        return None
    if bias.dtype is not DType.INT32:
        return f"{bias.name!r} is {bias.dtype}"
    if bias.data is None:
        return f"{bias.name!r} is computed by the network"
    return found(bias.elements != channels, f"{bias.elements} values for {channels} channels")


WEIGHTS = (weights_are_constant_int8, weights_are_symmetric, scales_per_channel_match)


def factors_problem(factors: tuple[Multiplier, ...]) -> str | None:
    """What is wrong with requantization factors, if anything: TFLite shifts left by 30 bits at most."""
    most = max(factor.shift for factor in factors)
    return found(most > _MOST_LEFT_SHIFT, f"a factor of about 2**{most}")


def padding_problem(load_sizes: tuple[int, int], batch: int, channels: int) -> str | None:
    """What is wrong with the size of a padded plane, if anything."""
    high, wide = load_sizes
    return found(batch * high * wide * channels > _MOST_PADDED_ELEMENTS, f"{high}x{wide} with its padding")


# ----------------------------------------------------------------------------------- arithmetic


def convolution_factors(
    data: Tensor, weights: Quantization, out: Tensor, channels: int
) -> tuple[Multiplier, ...]:
    """One factor per output channel: input scale * weight scale / output scale, in double.

    Source: `PopulateConvolutionQuantizationParams` of tensorflow/lite/kernels/kernel_util.cc.
    """
    scales = weights.scales if weights.is_per_channel else weights.scales * channels
    return tuple(Multiplier.of(data.scale * scale / out.scale) for scale in scales)


def product_factor(left: Tensor, right: Tensor, out: Tensor) -> Multiplier:
    """left scale * right scale / output scale, in double.

    Source: `GetQuantizedConvolutionMultipler` of tensorflow/lite/kernels/kernel_util.cc. TFLite Micro
    rounded the product to float32 until 2026; the interpreter that is the oracle does not.
    """
    return Multiplier.of(left.scale * right.scale / out.scale)


def fold(
    weights: NDArray[np.int8],
    data: Tensor,
    out: Tensor,
    factors: tuple[Multiplier, ...],
    *,
    bias: NDArray[np.int32] | None = None,
    activation: str = "NONE",
    channel_axis: int = 0,
) -> tuple[NDArray[np.int32], Requantization]:
    """The bias with the input's zero point folded in, and how the accumulator becomes the output."""
    folded, bound = fold_zero_point(weights, bias, data.zero_point, channel_axis)
    low, high = activation_range(activation, out)
    return folded, Requantization(factors=factors, zero_point=out.zero_point, low=low, high=high, bound=bound)


def dense(rows: int, inputs: int, outputs: int, data: Tensor, requantization: Requantization) -> Convolution:
    """The product of `rows` vectors and a matrix, as a 1x1 convolution over a plane one pixel high."""
    return Convolution(
        batch=1,
        height=1,
        width=rows,
        in_channels=inputs,
        out_height=1,
        out_width=rows,
        out_channels=outputs,
        window=Window(kernel_h=1, kernel_w=1),
        pad_value=data.zero_point,
        requantization=requantization,
    )


def convolution_kernel(
    load: Convolution, data: Tensor, weights: NDArray[np.int8], bias: NDArray[np.int32], out: Tensor | Scratch
) -> Kernel:
    """The kernel of a workload: `weights` in the layout that `compute.convolution` reads."""
    kernel = KernelBuilder()
    result = convolution(
        kernel.read(data, (load.batch, load.height, load.width, load.in_channels)),
        kernel.constant(weights, "weights"),
        kernel.constant(bias, "bias"),
        kernel.constant(load.requantization.multipliers, "multiplier"),
        kernel.constant(load.requantization.shifts, "shift"),
        load,
    )
    template = Template.DEPTHWISE if load.depthwise else Template.CONVOLUTION
    return kernel.finish(result, out, template, macs=load.macs, workload=load)

"""TRANSPOSE_CONV: a convolution whose stride spreads its input out.

Output row y takes its values from filter rows k with (y + pad - k) divisible by the stride, so rows of equal
(y + pad) mod stride (a phase) use the same filter rows, as an ordinary convolution of the input would. All
stride x stride phases are computed at once, as output channels of one ordinary convolution, and a second
kernel puts each phase's pixels in their places.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te

from edgekit.artifacts import DType
from edgekit.compute.convolution import Convolution, Window
from edgekit.lower.convolved import (
    WEIGHTS,
    bias_problem,
    convolution_factors,
    convolution_kernel,
    factors_problem,
    fold,
    padding_problem,
)
from edgekit.lower.kernel import KernelBuilder, Scratch, Template
from edgekit.lower.rules import Support, found, fused_activation_is_a_clamp
from edgekit.lower.windows import padding_is_long, window_advances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.compute.fixed_point import Multiplier, Requantization
    from edgekit.lower.kernel import Kernel
    from edgekit.lower.view import OperatorView

_DATA = 2  # input 0 is the output's shape, input 1 the weights
_BIAS = 3


# --------------------------------------------------------------------------------------- rules


def transposed_data_is_int8(view: OperatorView) -> str | None:
    """The data input must be int8 with one scale, as the output."""
    for tensor in (view.input(_DATA), view.output):
        if tensor.dtype is not DType.INT8:
            return f"{tensor.name!r} is {tensor.dtype}"
        if tensor.quantization is None or tensor.quantization.is_per_channel:
            return f"{tensor.name!r} has no single scale"
    return None


def output_shape_is_constant(view: OperatorView) -> str | None:
    """The output's shape must be a constant that agrees with the output."""
    shape = view.input(0)
    if shape.data is None or shape.dtype is not DType.INT32:
        return f"{shape.name!r} is {'computed by the network' if shape.data is None else shape.dtype}"
    wanted = tuple(int(size) for size in shape.data.reshape(-1))
    return found(wanted != view.output.shape, f"{list(wanted)} for an output of {list(view.output.shape)}")


def transposed_shapes_agree(view: OperatorView) -> str | None:
    """Input and output must have 4 dimensions, and the filter the shape [outputs, height, width, inputs]."""
    data, weights, out = view.input(_DATA).shape, view.input(1).shape, view.output.shape
    fits = len(data) == len(weights) == len(out) == 4
    fits = fits and (out[0], out[3], data[3]) == (data[0], weights[0], weights[3])
    return found(not fits, f"input {list(data)}, filter {list(weights)}, output {list(out)}")


def transposed_bias_is_constant_int32(view: OperatorView) -> str | None:
    """The bias, if there is one, must be constant int32 with one value per output channel."""
    return bias_problem(view.optional_input(_BIAS), view.output.shape[3])


def transposed_output_is_as_large_as_the_filter(view: OperatorView) -> str | None:
    """With padding VALID the output must be at least as high and wide as the filter."""
    high, wide = (a.out >= a.kernel for a in _axes(view))
    fits = view.option("padding") == "SAME" or (high and wide)
    return found(not fits, f"filter {list(view.input(1).shape)}, output {list(view.output.shape)}")


def transposed_padding_fits_16_bits(view: OperatorView) -> str | None:
    """The padding that the filter and the output's size give must be at most 32767 high and wide."""
    rows, columns = _axes(view)
    return padding_is_long(Window(kernel_h=1, kernel_w=1, pad_top=rows.pad, pad_left=columns.pad))


def spread_out_input_is_not_huge(view: OperatorView) -> str | None:
    """The padded input, and the output with all its phases, must each hold at most 268,435,456 elements."""
    rows, columns = _axes(view)
    window = _window(rows, columns)
    batch, _, _, channels = view.input(_DATA).shape
    phases = rows.stride * columns.stride * view.output.shape[3]
    return padding_problem(
        window.padded_size(rows.groups, columns.groups), batch, channels
    ) or padding_problem((rows.groups, columns.groups), batch, phases)


def scales_are_in_proportion(view: OperatorView) -> str | None:
    """Input scale x weight scale must be less than 2**30 times the output's scale."""
    return factors_problem(_factors(view))


# ------------------------------------------------------------------------------------- lowering


@dataclasses.dataclass(frozen=True)
class _Axis:
    """Height or width. Output place y is phase (y + pad) % stride of group (y + pad) // stride."""

    size: int
    out: int
    kernel: int
    stride: int
    pad: int

    @property
    def taps(self) -> int:
        """Filter rows of the phase that has most; others get zeros."""
        return -(-self.kernel // self.stride)

    @property
    def first_group(self) -> int:
        return self.pad // self.stride

    @property
    def groups(self) -> int:
        """How many groups there are from the first one on."""
        return (self.out - 1 + self.pad) // self.stride - self.first_group + 1

    @property
    def is_in_place(self) -> bool:
        """Whether groups are output places already."""
        return self.stride == 1


def lower_transpose_conv(view: OperatorView) -> Sequence[Kernel]:
    """A convolution into phases with bias, requantize and clamp; then the phases' pixels in their places.

    Source: `TransposeConv` of tensorflow/lite/kernels/internal/reference/integer_ops/transpose_conv.h, and
    `CalculateOpData` of tensorflow/lite/micro/kernels/transpose_conv.cc, which derives the padding from
    the output's size.
    """
    rows, columns = _axes(view)
    phases = rows.stride * columns.stride
    data, out, bias = view.input(_DATA), view.output, view.optional_input(_BIAS)
    weights = _phase_weights(view, rows, columns)
    factors = _factors(view) * phases
    folded, requantization = fold(
        weights, data, out, factors,
        bias=None if bias is None or bias.data is None else np.tile(bias.data.reshape(-1), phases),
        activation=view.option("fused_activation_function"),
    )  # fmt: skip
    load = _workload(view, rows, columns, requantization)
    if phases == 1:
        return [convolution_kernel(load, data, weights, folded, out)]
    shape = (load.batch, load.out_height, load.out_width, load.out_channels)
    pixels = Scratch("phases", shape, DType.INT8)
    return [
        convolution_kernel(load, data, weights, folded, pixels),
        _interleave(view, pixels, rows, columns),
    ]


def _axes(view: OperatorView) -> tuple[_Axis, _Axis]:
    data, weights, out = view.input(_DATA).shape, view.input(1).shape, view.output.shape
    is_same = view.option("padding") == "SAME"

    def axis(number: int, stride: int) -> _Axis:
        # The input that an ordinary convolution of the same stride would make of this output.
        shrunk = -(-out[number] // stride) if is_same else (out[number] - weights[number]) // stride + 1
        pad = max(0, (shrunk - 1) * stride + weights[number] - out[number]) // 2
        return _Axis(data[number], out[number], weights[number], stride, pad)

    return axis(1, view.option("stride_h")), axis(2, view.option("stride_w"))


def _window(rows: _Axis, columns: _Axis) -> Window:
    """How the phases' filter moves over the input: input place = group - tap, so taps are reversed."""
    return Window(
        kernel_h=rows.taps,
        kernel_w=columns.taps,
        pad_top=rows.taps - 1 - rows.first_group,
        pad_left=columns.taps - 1 - columns.first_group,
    )


def _phase_weights(view: OperatorView, rows: _Axis, columns: _Axis) -> NDArray[np.int8]:
    """[phase y, phase x, out] as one axis, then reversed taps y, taps x, in: from [out, y, x, in]."""
    data = view.input(1).data
    assert data is not None, view.where
    channels, high, wide, depth = data.shape
    full = ((0, rows.taps * rows.stride - high), (0, columns.taps * columns.stride - wide))
    padded = np.pad(data, ((0, 0), *full, (0, 0)))
    split = padded.reshape(channels, rows.taps, rows.stride, columns.taps, columns.stride, depth)
    phases = split[:, ::-1, :, ::-1].transpose(2, 4, 0, 1, 3, 5)
    return np.ascontiguousarray(phases.reshape(-1, rows.taps, columns.taps, depth))


def _workload(view: OperatorView, rows: _Axis, columns: _Axis, requantization: Requantization) -> Convolution:
    data = view.input(_DATA)
    return Convolution(
        batch=data.shape[0],
        height=rows.size,
        width=columns.size,
        in_channels=data.shape[3],
        out_height=rows.groups,
        out_width=columns.groups,
        out_channels=rows.stride * columns.stride * view.output.shape[3],
        window=_window(rows, columns),
        pad_value=data.zero_point,
        requantization=requantization,
    )


def _interleave(view: OperatorView, pixels: Scratch, rows: _Axis, columns: _Axis) -> Kernel:
    """The output, pixel by pixel from the phase it belongs to."""
    kernel, channels = KernelBuilder(), view.output.shape[3]
    x = kernel.read_scratch(pixels)

    def element(n: Any, y: Any, col: Any, c: Any) -> Any:
        row, column = y + rows.pad, col + columns.pad
        phase = row % rows.stride * columns.stride + column % columns.stride
        group = row // rows.stride - rows.first_group, column // columns.stride - columns.first_group
        return x[n, group[0], group[1], phase * channels + c]

    result = te.compute(view.output.shape, element, name="out")
    return kernel.finish(result, view.output, Template.ELEMENTWISE)


def _factors(view: OperatorView) -> tuple[Multiplier, ...]:
    quantization = view.input(1).quantization
    assert quantization is not None, view.where
    return convolution_factors(view.input(_DATA), quantization, view.output, view.output.shape[3])


OPERATORS = {
    "TRANSPOSE_CONV": Support(
        (
            transposed_data_is_int8,
            *WEIGHTS,
            transposed_shapes_agree,
            output_shape_is_constant,
            transposed_bias_is_constant_int32,
            fused_activation_is_a_clamp,
            window_advances,
            transposed_output_is_as_large_as_the_filter,
            transposed_padding_fits_16_bits,
            spread_out_input_is_not_huge,
            scales_are_in_proportion,
        ),
        lower_transpose_conv,
    ),
}

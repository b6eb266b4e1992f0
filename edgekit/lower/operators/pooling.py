"""AVERAGE_POOL_2D and MAX_POOL_2D."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.compute.pooling import Pooling, average_pool, max_pool
from edgekit.lower.kernel import KernelBuilder, Template
from edgekit.lower.quantization import activation_range
from edgekit.lower.rules import INT8_TO_INT8, Support, found, fused_activation_is_a_clamp, is_rank_4
from edgekit.lower.windows import padding_is_long, same_or_valid_padding, window_advances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.lower.kernel import Kernel
    from edgekit.lower.view import OperatorView

_MOST_ELEMENTS = 1 << 20  # of a window: their sum and its quotient's factors are exact far beyond
_NEGLIGIBLE = 1.0e-6  # TFLite Micro's tolerance for scales that should be equal


# --------------------------------------------------------------------------------------- rules


def input_and_output_are_quantized_alike(view: OperatorView) -> str | None:
    """Input and output must have the same scale and zero point."""
    data, out = view.input(0), view.output
    difference = abs(float(np.float32(data.scale) - np.float32(out.scale)))
    alike = difference <= _NEGLIGIBLE and data.zero_point == out.zero_point
    return found(
        not alike,
        f"scales {data.scale:.6g} and {out.scale:.6g}, zero points {data.zero_point} and {out.zero_point}",
    )


def pooled_shape_follows_from_window(view: OperatorView) -> str | None:
    """The output's shape must follow from the input's, the filter, the stride and the padding."""
    _, (high, wide) = same_or_valid_padding(view, _filter(view))
    data, out = view.input(0).shape, view.output.shape
    expected = (data[0], high, wide, data[3])
    return found(out != expected, f"{list(out)}, not {list(expected)}")


def padding_fits_16_bits(view: OperatorView) -> str | None:
    """The padding above and to the left of the input must be at most 32767 each."""
    window, _ = same_or_valid_padding(view, _filter(view))
    return padding_is_long(window)


def filter_is_positive_and_not_huge(view: OperatorView) -> str | None:
    """The filter must be at least 1 high and wide and hold at most 1,048,576 elements."""
    high, wide = _filter(view)
    return found(high < 1 or wide < 1 or high * wide > _MOST_ELEMENTS, f"a filter of {high}x{wide}")


# ------------------------------------------------------------------------------------- lowerings


def lower_average_pool_2d(view: OperatorView) -> Sequence[Kernel]:
    """The rounded mean of each window, of those of its elements that are inside the plane."""
    kernel = KernelBuilder()
    x, load = kernel.read(view.input(0)), pooling_of(view)
    result = average_pool(x, load, kernel.constant)
    return [kernel.finish(result, view.output, Template.REDUCTION, workload=load)]


def lower_max_pool_2d(view: OperatorView) -> Sequence[Kernel]:
    """The maximum of each window."""
    kernel = KernelBuilder()
    x, load = kernel.read(view.input(0)), pooling_of(view)
    return [kernel.finish(max_pool(x, load), view.output, Template.REDUCTION, workload=load)]


def _filter(view: OperatorView) -> tuple[int, int]:
    return view.option("filter_height"), view.option("filter_width")


def pooling_of(view: OperatorView) -> Pooling:
    """The workload of a pooling operator."""
    window, (out_height, out_width) = same_or_valid_padding(view, _filter(view))
    batch, height, width, channels = view.input(0).shape
    low, high = activation_range(view.option("fused_activation_function"), view.output)
    return Pooling(
        batch=batch,
        height=height,
        width=width,
        channels=channels,
        out_height=out_height,
        out_width=out_width,
        window=window,
        is_average=view.operator.kind == "AVERAGE_POOL_2D",
        low=low,
        high=high,
    )


_RULES = (
    *INT8_TO_INT8,
    is_rank_4,
    input_and_output_are_quantized_alike,
    fused_activation_is_a_clamp,
    window_advances,
    filter_is_positive_and_not_huge,
    pooled_shape_follows_from_window,
    padding_fits_16_bits,
)

OPERATORS = {
    "AVERAGE_POOL_2D": Support(_RULES, lower_average_pool_2d),
    "MAX_POOL_2D": Support(_RULES, lower_max_pool_2d),
}

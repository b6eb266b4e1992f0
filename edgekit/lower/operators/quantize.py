"""QUANTIZE and DEQUANTIZE: floats at the edges of a network, and changes of scale within it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.artifacts import DType
from edgekit.compute.fixed_point import Multiplier, scale_integers
from edgekit.compute.lookup import inputs_of
from edgekit.compute.quantize import Dequantization, FloatQuantization, dequantize, quantize_float
from edgekit.lower.kernel import Alias, Kernel, KernelBuilder, Template
from edgekit.lower.rules import Support, found, has_as_many_elements, operands_are_per_tensor
from edgekit.lower.tables import lower_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.lower.view import OperatorView

_QUANTIZE_TYPES = (
    (DType.FLOAT32, DType.INT8),
    (DType.FLOAT32, DType.UINT8),
    (DType.INT8, DType.INT8),
    (DType.INT8, DType.UINT8),
    (DType.UINT8, DType.INT8),
)


def quantizes_between_known_types(view: OperatorView) -> str | None:
    """QUANTIZE takes float32 to int8 or uint8, int8 to int8 or uint8, and uint8 to int8."""
    pair = (view.input(0).dtype, view.output.dtype)
    return found(pair not in _QUANTIZE_TYPES, f"{pair[0]} to {pair[1]}")


def dequantizes_8_bits(view: OperatorView) -> str | None:
    """DEQUANTIZE takes int8 or uint8 to float32."""
    data, out = view.input(0).dtype, view.output.dtype
    problem = data not in (DType.INT8, DType.UINT8) or out is not DType.FLOAT32
    return found(problem, f"{data} to {out}")


def scales_are_comparable(view: OperatorView) -> str | None:
    """The input's scale must be less than 2^30 times the output's."""
    data, out = view.input(0), view.output
    if data.dtype is DType.FLOAT32:
        return None
    return found(data.scale / out.scale >= 1 << 30, f"{data.scale} and {out.scale}")


def lower_quantize(view: OperatorView) -> Sequence[Kernel | Alias]:
    """Real numbers or other integers to 8-bit integers (`EvalQuantizeReference` of quantize_common.cc)."""
    data, out = view.input(0), view.output
    if data.dtype is not DType.FLOAT32:
        return _requantize(view)
    kernel = KernelBuilder()
    x = kernel.read(data, (data.elements,))
    how = FloatQuantization(out.scale, out.zero_point, str(out.dtype))
    return [kernel.finish(quantize_float(x, how), out, Template.ELEMENTWISE, workload=how)]


def _requantize(view: OperatorView) -> Sequence[Kernel | Alias]:
    """`Requantize` of tensorflow/lite/kernels/internal/reference/requantize.h, for all 256 inputs."""
    data, out = view.input(0), view.output
    factor = Multiplier.of(data.scale / out.scale)
    scaled = scale_integers(inputs_of(str(data.dtype)) - data.zero_point, factor) + out.zero_point
    limits = np.iinfo(str(out.dtype))
    return lower_table(view, np.clip(scaled, limits.min, limits.max).astype(str(out.dtype)))


def lower_dequantize(view: OperatorView) -> Sequence[Kernel | Alias]:
    """`Dequantize` of dequantize.h, which multiplies in double.

    That product is exact, so rounding it to float32 gives what one multiplication in float32 does.
    """
    data = view.input(0)
    kernel = KernelBuilder()
    x = kernel.read(data, (data.elements,))
    result = dequantize(x, data.scale, data.zero_point)
    load = Dequantization(data.scale, data.zero_point, str(data.dtype))
    return [kernel.finish(result, view.output, Template.ELEMENTWISE, workload=load)]


OPERATORS = {
    "QUANTIZE": Support(
        (quantizes_between_known_types, operands_are_per_tensor, has_as_many_elements, scales_are_comparable),
        lower_quantize,
    ),
    "DEQUANTIZE": Support(
        (dequantizes_8_bits, operands_are_per_tensor, has_as_many_elements), lower_dequantize
    ),
}

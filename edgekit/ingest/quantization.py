"""A tensor's quantization parameters: checked, and exact."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from edgekit.artifacts import DType, Quantization
from edgekit.ingest.flatbuffer import unreadable

if TYPE_CHECKING:
    from edgekit.ingest.parsed import ParsedQuantization, ParsedTensor

_QUANTIZED = (DType.INT8, DType.UINT8, DType.INT16, DType.INT32)


def read_quantization(place: str, tensor: ParsedTensor, dtype: DType) -> Quantization | None:
    """The quantization of `tensor`, or None when it has none.

    Scales are the file's float32 values, exactly. Raises UnreadableModelError for a scale that is not
    finite and positive, a zero point that `dtype` cannot hold, or parameters that do not fit the shape.
    """
    parsed = tensor.quantization
    if parsed is None or not parsed.scales or dtype not in _QUANTIZED:
        return None
    why = _impossible(parsed, tensor.shape, dtype)
    if why:
        raise unreadable(f"{place}: {tensor}", why)
    axis = parsed.axis if len(parsed.scales) > 1 else 0
    return Quantization(scales=parsed.scales, zero_points=parsed.zero_points, axis=axis)


def _impossible(parsed: ParsedQuantization, shape: tuple[int, ...], dtype: DType) -> str:
    """What is wrong with the parameters; "" if nothing is."""
    channels = len(parsed.scales)
    if len(parsed.zero_points) != channels:
        return f"it has {channels} scales and {len(parsed.zero_points)} zero points"
    if channels > 1 and not 0 <= parsed.axis < len(shape):
        return f"it is quantized along axis {parsed.axis}, and its shape is {list(shape)}"
    if channels > 1 and shape[parsed.axis] != channels:
        return f"it has {channels} scales, and axis {parsed.axis} of its shape {list(shape)} does not"
    bad_scale = next((s for s in parsed.scales if not (math.isfinite(s) and s > 0)), None)
    if bad_scale is not None:
        return f"its scale {bad_scale} is not a positive number"
    bounds = np.iinfo(dtype.value)
    bad_zero = next((z for z in parsed.zero_points if not bounds.min <= z <= bounds.max), None)
    if bad_zero is not None:
        return f"its zero point {bad_zero} is not an {dtype} value"
    return ""

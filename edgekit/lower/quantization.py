"""Quantized ranges and scales as TFLite derives them, in float32 where it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from edgekit.artifacts import Tensor

# Fused activations that only bound their input: the least and the greatest value.
CLAMPS: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}


def activation_range(activation: str, out: Tensor, low: int = -128, high: int = 127) -> tuple[int, int]:
    """The int8 range that a fused activation leaves of the output.

    Source: `CalculateActivationRangeQuantized` of tensorflow/lite/kernels/kernel_util.cc.
    """
    lower, upper = CLAMPS[activation]
    if lower is not None:
        low = max(low, quantize_real(lower, out))
    if upper is not None:
        high = min(high, quantize_real(upper, out))
    return low, high


def quantize_real(real: float, tensor: Tensor) -> int:
    """The integer nearest to a real number: float32 division, rounded half away from zero."""
    quotient = float(np.float32(real) / np.float32(tensor.scale))
    return tensor.zero_point + round_half_away(quotient)


def round_half_away(value: float) -> int:
    """C's `round`."""
    return int(np.copysign(np.floor(abs(value) + 0.5), value))

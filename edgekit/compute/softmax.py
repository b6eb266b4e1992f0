"""SOFTMAX over the last axis of int8: a table of exponentials, and one reciprocal a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te, tirx

from edgekit.compute.fixed_point import Multiplier, clamp, int32, scale_integers
from edgekit.compute.gemmlowp import (
    INT32_MAX,
    NEWTON_STEPS,
    exp_on_negative_values,
    half_denominator,
    multiply,
    newton_start,
    newton_step,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIFFERENCE_BITS = 5  # integer bits of a scaled difference
_SUM_BITS = 12  # integer bits of the sum: it holds 4095 ones
LONGEST_ROW = (1 << _SUM_BITS) - 1
_ONE = 1 << (31 - _SUM_BITS)  # 1.0 in the sum's format; every sum has one at least


def exponentials(beta_times_scale: float) -> NDArray[np.int32]:
    """exp(-d * beta * scale) in Q0 for every distance d = 0 .. 255 from a row's maximum; 0 where too far.

    Source: `PreprocessSoftmaxScaling` and `CalculateInputRadius` of quantization_util.cc.
    """
    factor = Multiplier.of(min(beta_times_scale * (1 << (31 - _DIFFERENCE_BITS)), INT32_MAX - 0.0))
    radius = ((1 << _DIFFERENCE_BITS) - 1 << (31 - _DIFFERENCE_BITS)) >> factor.shift
    distance = np.arange(256, dtype=np.int64)
    reached = distance <= radius
    scaled = scale_integers(np.where(reached, -distance, 0), factor)
    return np.where(reached, exp_on_negative_values(scaled, _DIFFERENCE_BITS), 0).astype(np.int32)


def softmax(x: te.Tensor, table: te.Tensor) -> te.Tensor:
    """int8 [rows, depth] of int8 `x` [rows, depth], depth at most LONGEST_ROW.

    The result has scale 1/256 and zero point -128. `table` is what `exponentials` gives. Source: `Softmax` of
    tensorflow/lite/kernels/internal/reference/softmax.h.
    """
    rows, depth = (int(size) for size in x.shape)
    k, j = te.reduce_axis((0, depth), "k"), te.reduce_axis((0, depth), "j")
    highest = te.compute((rows,), lambda r: te.max(x[r, k], axis=k), name="highest")

    def exponential(r: Any, c: Any) -> Any:
        return table[highest[r].astype("int32") - x[r, c].astype("int32")]

    def narrowed(r: Any, c: Any) -> Any:
        # Rounded half up without an addition that could overflow.
        return ((exponential(r, c) >> int32(_SUM_BITS - 1)) + int32(1)) >> int32(1)

    total = te.compute((rows,), lambda r: te.sum(narrowed(r, j), axis=j), name="total")
    # total = 2**excess * (1 + a) in units of _ONE, a in [0, 1).
    excess = te.compute((rows,), lambda r: _floor_log2(total[r], low=31 - _SUM_BITS, high=30), name="excess")
    scale = _reciprocal(total, excess)

    def element(r: Any, c: Any) -> Any:
        product = multiply(scale[r].astype("int64"), exponential(r, c).astype("int64")).astype("int32")
        # Rounded half up after a shift by 23 + excess: one place less, one added, one more. From a shift by
        # 32 on the quotient is below a half, where the reference gives up: 0, and so is this.
        before = tirx.min(excess[r] + int32(22), int32(31))
        probability = ((product >> before) + int32(1)) >> int32(1)
        return clamp(probability - int32(128), -128, 127).astype("int8")

    return te.compute((rows, depth), element, name="out")


def _floor_log2(value: Any, low: int, high: int) -> Any:
    """The exponent of the highest power of two that fits in value, less `low`, between low and high."""
    result = int32(0)
    for power in range(low + 1, high + 1):
        result = result + (value >= int32(1 << power)).astype("int32")
    return result


def _reciprocal(total: te.Tensor, excess: te.Tensor) -> te.Tensor:
    """2**excess / total in Q0, row by row (`GetReciprocal` of tensorflow/lite/kernels/internal/common.h)."""

    def fraction(r: Any) -> Any:
        # The highest bit moved out of 32: what remains is a in Q0.
        left = int32(_SUM_BITS) - excess[r]
        wide = total[r].astype("int64") << left.astype("int64")
        return half_denominator(wide - tirx.const(1 << 31, "int64"))

    half = te.compute(total.shape, fraction, name="half")
    x = te.compute(total.shape, lambda r: newton_start(half[r]), name="guess")
    for _ in range(NEWTON_STEPS):
        x = _refined(x, half)
    largest = tirx.const(INT32_MAX, "int64")
    return te.compute(total.shape, lambda r: te.min(x[r] << 1, largest).astype("int32"), name="scale")


def _refined(x: te.Tensor, half: te.Tensor) -> te.Tensor:
    return te.compute(x.shape, lambda r: newton_step(x[r], half[r]), name="guess")

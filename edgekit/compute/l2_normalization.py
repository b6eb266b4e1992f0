"""L2_NORMALIZATION over the last axis of int8, with an inverse square root in integers."""

from __future__ import annotations

from typing import Any

from tvm import te, tirx

from edgekit.compute.fixed_point import clamp, high_multiply, int32, shift_right_rounding
from edgekit.compute.gemmlowp import INT32_MAX, multiply

LONGEST_ROW = INT32_MAX // (255 * 255)  # elements whose squares an int32 can sum
_STEPS = 5
_ONE, _THREE_HALVES = 1 << 28, (1 << 28) + (1 << 27)  # Q3
_HALF_SQRT_2 = 1518500250  # Q0
_OUTPUT_BITS = 7  # the output's scale is 2**-7
_LARGEST_RIGHT = 12


def l2_normalization(x: te.Tensor, zero_point: int) -> te.Tensor:
    """int8 [rows, depth] of int8 `x` [rows, depth], depth at most LONGEST_ROW; scale 1/128, zero point 0.

    Source: `L2Normalization` of tensorflow/lite/kernels/internal/reference/integer_ops/l2normalization.h.
    """
    rows, depth = (int(size) for size in x.shape)
    k = te.reduce_axis((0, depth), "k")

    def centered(r: Any, c: Any) -> Any:
        return x[r, c].astype("int32") - int32(zero_point)

    squares = te.compute((rows,), lambda r: te.sum(centered(r, k) * centered(r, k), axis=k), name="squares")
    pairs = te.compute((rows,), lambda r: _leading_pairs(squares[r]), name="pairs")
    inverse = _inverse_square_root(squares, pairs)

    def element(r: Any, c: Any) -> Any:
        right = _right_shift(squares[r], pairs[r])
        left = tirx.max(int32(_OUTPUT_BITS) - right, int32(0))
        more = tirx.max(right - int32(_OUTPUT_BITS), int32(0))
        high = high_multiply(centered(r, c) << left, inverse[r])
        return clamp(shift_right_rounding(high, more, may_be_zero=True, wide=False), -128, 127).astype("int8")

    return te.compute((rows, depth), element, name="out")


def _leading_pairs(value: Any) -> Any:
    """How many pairs of bits `value` can move up before its highest bit is bit 29 or 30; 14 at most."""
    result = int32(0)
    for pair in range(1, 15):
        result = result + (value < int32(1 << (31 - 2 * pair))).astype("int32")
    return result


def _right_shift(square: Any, pairs: Any) -> Any:
    """By how much a product with the inverse is to be shifted right."""
    return tirx.Select(square <= int32(1), int32(0), tirx.max(int32(_LARGEST_RIGHT) - pairs, int32(0)))


def _inverse_square_root(squares: te.Tensor, pairs: te.Tensor) -> te.Tensor:
    """Multipliers of 1 / sqrt(squares), row by row; 0 counts as 1.

    Source: `GetInvSqrtQuantizedMultiplierExp` of tensorflow/lite/kernels/internal/common.h.
    """

    def half_of_input(r: Any) -> Any:
        doubled = pairs[r].astype("int64") << 1
        in_q3 = (squares[r].astype("int64") << doubled) >> 3  # in [1/4, 1)
        return (in_q3 + 1) >> 1

    half = te.compute(squares.shape, half_of_input, name="half")
    x = te.compute(squares.shape, lambda _: tirx.const(_ONE, "int64"), name="guess")
    for _ in range(_STEPS):
        x = _refined(x, half)

    def multiplier(r: Any) -> Any:
        exact = multiply(x[r], _HALF_SQRT_2) << tirx.max(pairs[r] - int32(_LARGEST_RIGHT), int32(0)).astype(
            "int64"
        )
        return tirx.Select(squares[r] <= int32(1), int32(INT32_MAX), exact.astype("int32"))

    return te.compute(squares.shape, multiplier, name="inverse")


def _refined(x: te.Tensor, half: te.Tensor) -> te.Tensor:
    """x * (3 - input * x**2) / 2 in Q3."""

    def step(r: Any) -> Any:
        cube = te.min(multiply(multiply(x[r], x[r]), x[r]) << 6, tirx.const(INT32_MAX, "int64"))
        return (multiply(x[r], _THREE_HALVES) - multiply(half[r], cube)) << 3

    return te.compute(x.shape, step, name="guess")

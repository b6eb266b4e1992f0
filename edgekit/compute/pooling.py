"""Average and maximum over a window that moves over a plane.

Pads nothing: outside the plane a window simply holds fewer elements. Source: `AveragePool` and `MaxPool` of
tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te, tirx

from edgekit.compute.fixed_point import clamp, int32

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edgekit.compute.convolution import Window
    from edgekit.compute.fixed_point import Expr

    MakeConstant = Callable[[NDArray[Any], str], te.Tensor]

_LARGEST = 128  # the largest absolute int8 value
_INT16_MAX = (1 << 15) - 1
_INT32_MAX = (1 << 31) - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pooling:
    """The workload of one pooling operator. `low` and `high` clamp the output."""

    batch: int
    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    window: Window
    is_average: bool = False  # of what a window holds, instead of the maximum
    low: int = -128
    high: int = 127

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the output."""
        return (self.batch, self.out_height, self.out_width, self.channels)

    @property
    def clamps_nothing(self) -> bool:
        """Whether every int8 value is in the output's range."""
        return (self.low, self.high) == (-128, 127)


@dataclasses.dataclass(frozen=True)
class RoundedDivision:
    """Division of sums of int8 values by how many they are, without dividing.

    floor(a / n) = (a * ceil(2**shift / n)) >> shift for every a in 0 .. 128 n + n // 2, because
    a * (n - 1) < 2**shift there. With n // 2 added to |sum| first, that rounds half away from zero.
    """

    shift: int
    dtype: str  # in which the products fit

    @staticmethod
    def by(largest: int) -> RoundedDivision:
        """The division for counts from 1 to `largest`."""
        sums = _LARGEST * largest + largest // 2
        shift = max(1, (sums * (largest - 1)).bit_length())
        # (128 n + n / 2) * (2**shift + n) / n grows with n.
        fits = 129 * ((1 << shift) + largest) <= _INT32_MAX
        return RoundedDivision(shift, "int32" if fits else "int64")

    def multiplier(self, count: int) -> int:
        """The factor that divides by `count`."""
        return -(-(1 << self.shift) // count)

    def multipliers(self, counts: NDArray[np.int64]) -> NDArray[Any]:
        """The factors as an array that a kernel reads."""
        flat = [self.multiplier(int(count)) for count in counts.reshape(-1)]
        return np.array(flat, self.dtype).reshape(counts.shape)

    def divide(self, total: Expr, half: Expr, multiplier: Expr) -> Expr:
        """The int32 quotient of an int32 `total`; `half` (int32) is count // 2."""
        sign = total >> int32(31)
        size = ((total ^ sign) - sign + half).astype(self.dtype) * multiplier
        return ((size >> tirx.const(self.shift, self.dtype)).astype("int32") ^ sign) - sign


@dataclasses.dataclass(frozen=True)
class _Axis:
    """One axis of the plane as windows read it."""

    size: int
    out: int
    kernel: int
    stride: int
    pad: int

    @property
    def starts_outside(self) -> bool:
        return self.pad > 0

    @property
    def ends_outside(self) -> bool:
        return (self.out - 1) * self.stride - self.pad + self.kernel > self.size

    def place(self, window: Expr, step: Expr) -> Expr:
        """Where in the plane step `step` of window number `window` is."""
        return window * self.stride + step - self.pad

    def nearest(self, place: Expr) -> Expr:
        """The place inside the plane that is nearest."""
        place = te.max(place, int32(0)) if self.starts_outside else place
        return te.min(place, int32(self.size - 1)) if self.ends_outside else place

    def is_inside(self, place: Expr) -> list[Expr]:
        """What must hold for a place to be in the plane."""
        low = [place >= int32(0)] if self.starts_outside else []
        return [*low, place < int32(self.size)] if self.ends_outside else low

    def counts(self) -> NDArray[np.int64]:
        """How many steps of each window are in the plane."""
        starts = np.arange(self.out) * self.stride - self.pad
        return np.minimum(starts + self.kernel, self.size) - np.maximum(starts, 0)


def _axes(load: Pooling) -> tuple[_Axis, _Axis]:
    w = load.window
    return (
        _Axis(load.height, load.out_height, w.kernel_h, w.stride_h, w.pad_top),
        _Axis(load.width, load.out_width, w.kernel_w, w.stride_w, w.pad_left),
    )


def max_pool(x: te.Tensor, load: Pooling) -> te.Tensor:
    """int8 [batch, out_height, out_width, channels] of int8 `x` [batch, height, width, channels]."""
    rows, columns = _axes(load)
    ry, rx = te.reduce_axis((0, rows.kernel), "ry"), te.reduce_axis((0, columns.kernel), "rx")

    def largest(n: Any, y: Any, col: Any, c: Any) -> Any:
        # Outside the plane the edge is read again: the window holds it already, so no maximum changes.
        row, column = rows.nearest(rows.place(y, ry)), columns.nearest(columns.place(col, rx))
        return te.max(x[n, row, column, c], axis=[ry, rx])

    result = te.compute(load.shape, largest, name="largest")
    if load.clamps_nothing:
        return result
    low, high = tirx.const(load.low, "int8"), tirx.const(load.high, "int8")
    return te.compute(load.shape, lambda *i: te.max(te.min(result[i], high), low), name="out")


def average_pool(x: te.Tensor, load: Pooling, constant: MakeConstant) -> te.Tensor:
    """int8 [batch, out_height, out_width, channels] of int8 `x` [batch, height, width, channels].

    `constant` makes a parameter of an array; there are some where windows differ in their number of elements.
    """
    rows, columns = _axes(load)
    ry, rx = te.reduce_axis((0, rows.kernel), "ry"), te.reduce_axis((0, columns.kernel), "rx")
    most = int(rows.counts().max() * columns.counts().max())
    dtype = "int16" if _LARGEST * most <= _INT16_MAX else "int32"

    def total(n: Any, y: Any, col: Any, c: Any) -> Any:
        row, column = rows.place(y, ry), columns.place(col, rx)
        value = x[n, row, column, c].astype(dtype)
        inside = [*rows.is_inside(row), *columns.is_inside(column)]
        if inside:
            value = tirx.if_then_else(tirx.all(*inside), value, tirx.const(0, dtype))
        return te.sum(value, axis=[ry, rx])

    sums = te.compute(load.shape, total, name="sum")
    least = int(rows.counts().min() * columns.counts().min())
    power = most.bit_length() - 1 if least == most and most.bit_count() == 1 else None
    division = RoundedDivision.by(most)
    factors = _factors(division, rows.counts(), columns.counts(), constant)

    def average(n: Any, y: Any, col: Any, c: Any) -> Any:
        if power is not None:
            value = _divide_by_power_of_two(sums[n, y, col, c], power, dtype).astype("int32")
        else:
            half, multiplier = factors(y, col)
            value = division.divide(sums[n, y, col, c].astype("int32"), half, multiplier)
        return (value if load.clamps_nothing else clamp(value, load.low, load.high)).astype("int8")

    return te.compute(load.shape, average, name="out")


def _divide_by_power_of_two(total: Expr, power: int, dtype: str) -> Expr:
    """The quotient of a sum of type `dtype` by 2**power, rounded half away from zero, without widening it."""
    if power == 0:
        return total
    sign = total >> tirx.const(15 if dtype == "int16" else 31, dtype)
    size = (total ^ sign) - sign + tirx.const(1 << (power - 1), dtype)
    return ((size >> tirx.const(power, dtype)) ^ sign) - sign


def _factors(
    division: RoundedDivision, rows: NDArray[np.int64], columns: NDArray[np.int64], constant: MakeConstant
) -> Callable[[Expr, Expr], tuple[Expr, Expr]]:
    """half and multiplier of an output row and column; literals where all windows hold equally many."""
    row_sizes, row_kinds = np.unique(rows, return_inverse=True)
    column_sizes, column_kinds = np.unique(columns, return_inverse=True)
    counts = np.multiply.outer(row_sizes, column_sizes)
    if counts.size == 1:
        count = int(counts[0, 0])
        literal = int32(count // 2), tirx.const(division.multiplier(count), division.dtype)
        return lambda *_: literal
    # Few sizes differ, so a table by kind of row and column stays small whatever the size of the plane.
    row_of = constant(row_kinds.astype(np.int32), "row_kinds")
    column_of = constant(column_kinds.astype(np.int32), "column_kinds")
    halves = constant((counts // 2).astype(np.int32), "halves")
    multipliers = constant(division.multipliers(counts), "multipliers")

    def factors(row: Expr, column: Expr) -> tuple[Expr, Expr]:
        kind = row_of[row], column_of[column]
        return halves[kind], multipliers[kind]

    return factors

"""MEAN, SUM, REDUCE_MAX and REDUCE_MIN: one value for all elements along some axes.

Source: tensorflow/lite/micro/kernels/reduce_common.cc, and `QuantizedMeanOrSum` and `ReduceGeneric` of
tensorflow/lite/kernels/internal/reference/reduce.h.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te

from edgekit.artifacts import DType
from edgekit.compute.column_sum import ColumnSum
from edgekit.compute.fixed_point import Multiplier, clamp, int32, scale_by
from edgekit.lower.kernel import KernelBuilder, Template
from edgekit.lower.rules import INT8_TO_INT8, Support, found

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgekit.lower.kernel import Kernel
    from edgekit.lower.view import OperatorView

_INT16_TERMS = 255  # so many int8 values have a sum that fits int16
_MOST_LEFT_SHIFT = 30


# --------------------------------------------------------------------------------------- rules


def axes_are_constant(view: OperatorView) -> str | None:
    """The axes must be constant int32 values within the input's rank."""
    axes, rank = view.input(1), len(view.input(0).shape)
    if axes.dtype is not DType.INT32:
        return f"{axes.name!r} is {axes.dtype}"
    if axes.data is None:
        return f"{axes.name!r} is computed by the network"
    outside = [int(axis) for axis in axes.data.reshape(-1) if not -rank <= axis < rank]
    return found(bool(outside), f"axis {outside[:1]} of {rank} axes")


def one_output_for_each_kept_place(view: OperatorView) -> str | None:
    """The output must have the input's shape without the reduced axes, or with 1 in their place."""
    data, axes = view.input(0).shape, _axes(view)
    kept = tuple(size for axis, size in enumerate(data) if axis not in axes)
    ones = tuple(1 if axis in axes else size for axis, size in enumerate(data))
    out = view.output.shape
    return found(out not in (kept, ones), f"{list(out)} from {list(data)} reduced along {sorted(axes)}")


def scales_are_in_proportion(view: OperatorView) -> str | None:
    """The input's scale must be less than 2**30 times the output's."""
    data, out = view.input(0).scale, view.output.scale
    return found(Multiplier.of(data / out).shift > _MOST_LEFT_SHIFT, f"scales {data:.6g} and {out:.6g}")


def input_and_output_have_one_scale(view: OperatorView) -> str | None:
    """Input and output must have the same scale and zero point, exactly."""
    data, out = view.input(0), view.output
    return found(
        data.quantization != out.quantization,
        f"scales {data.scale:.9g} and {out.scale:.9g}, zero points {data.zero_point} and {out.zero_point}",
    )


# ------------------------------------------------------------------------------------- lowerings


def lower_mean(view: OperatorView) -> Sequence[Kernel]:
    """The sum, scaled by input scale / output scale / number of elements."""
    return _lower_sum(view, _mean_factor(_ratio(view), _reduced_elements(view)))


def lower_sum(view: OperatorView) -> Sequence[Kernel]:
    """The sum, scaled by input scale / output scale."""
    return _lower_sum(view, _ratio(view))


def lower_extreme(view: OperatorView, choose: Callable[..., Any]) -> Sequence[Kernel]:
    """The greatest (or least) element."""
    kernel, shape = KernelBuilder(), _Reduction.of(view)
    x = kernel.read(view.input(0), shape.merged)
    result = shape.reduce(x, "int8", choose)
    return [kernel.finish(result, view.output, Template.REDUCTION)]


def _lower_sum(view: OperatorView, factor: Multiplier) -> Sequence[Kernel]:
    kernel, shape = KernelBuilder(), _Reduction.of(view)
    data, out, count = view.input(0), view.output, _reduced_elements(view)
    x = kernel.read(data, shape.merged)
    sums = shape.reduce(x, "int16" if count <= _INT16_TERMS else "int32", te.sum)
    # Where the exact value leaves int32, it wraps, as in the reference.
    offset = int(np.int64(data.zero_point * count).astype(np.int32))
    bound = min(count * max(127 - data.zero_point, 128 + data.zero_point), (1 << 31) - 1)

    def scaled(*place: Any) -> Any:
        centred = sums[place].astype("int32") - int32(offset)
        value = scale_by(centred, factor, bound=bound) + int32(out.zero_point)
        return clamp(value, -128, 127).astype("int8")

    load = None
    if shape.is_reduced == (True, False):
        places, channels = shape.merged
        load = ColumnSum(
            count=places,
            channels=channels,
            offset=offset,
            factor=factor,
            zero_point=out.zero_point,
            bound=bound,
        )
    result = te.compute(sums.shape, scaled, name="out")
    return [kernel.finish(result, out, Template.REDUCTION, workload=load)]


def _ratio(view: OperatorView) -> Multiplier:
    return Multiplier.of(view.input(0).scale / view.output.scale)


def _mean_factor(ratio: Multiplier, count: int) -> Multiplier:
    """`ratio` / count the way TFLite does it: the quotient is cut off, not rounded."""
    shift = min(count.bit_length() - 1, 32, 31 + ratio.shift)
    return Multiplier((ratio.multiplier << shift) // count, ratio.shift - shift)


def _axes(view: OperatorView) -> set[int]:
    data = view.input(1).data
    assert data is not None
    rank = len(view.input(0).shape)
    return {int(axis) % rank for axis in data.reshape(-1)}


def _reduced_elements(view: OperatorView) -> int:
    return math.prod(view.input(0).shape[axis] for axis in _axes(view))


@dataclasses.dataclass(frozen=True)
class _Reduction:
    """Which axes are reduced, neighbours of one kind merged into one."""

    merged: tuple[int, ...]
    is_reduced: tuple[bool, ...]

    @staticmethod
    def of(view: OperatorView) -> _Reduction:
        axes = _axes(view)
        # Axes of one element belong to either kind.
        wide = [(axis in axes, size) for axis, size in enumerate(view.input(0).shape) if size > 1]
        groups = itertools.groupby(wide, key=lambda kind_and_size: kind_and_size[0])
        merged = [(kind, math.prod(size for _, size in members)) for kind, members in groups]
        merged = merged or [(False, 1)]
        return _Reduction(tuple(size for _, size in merged), tuple(kind for kind, _ in merged))

    def reduce(self, x: te.Tensor, dtype: str, combine: Callable[..., Any]) -> te.Tensor:
        """`combine` over the reduced axes of `x`; the shape is that of the kept ones, or (1,)."""
        kept = tuple(n for n, reduced in zip(self.merged, self.is_reduced, strict=True) if not reduced)
        steps = [te.reduce_axis((0, n), f"r{i}") for i, n in enumerate(self.merged) if self.is_reduced[i]]

        def element(*place: Any) -> Any:
            outer, inner = iter(place), iter(steps)
            index = [next(inner) if reduced else next(outer) for reduced in self.is_reduced]
            value = x[tuple(index)].astype(dtype)
            return combine(value, axis=steps) if steps else value

        return te.compute(kept or (1,), element, name="reduced")


_RULES = (*INT8_TO_INT8, axes_are_constant, one_output_for_each_kept_place)
_EXTREME = (*_RULES, input_and_output_have_one_scale)

OPERATORS = {
    "MEAN": Support((*_RULES, scales_are_in_proportion), lower_mean),
    "SUM": Support((*_RULES, scales_are_in_proportion), lower_sum),
    "REDUCE_MAX": Support(_EXTREME, partial(lower_extreme, choose=te.max)),
    "REDUCE_MIN": Support(_EXTREME, partial(lower_extreme, choose=te.min)),
}

"""ARG_MAX: where along an axis the largest element is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tvm import te

from edgekit.artifacts import DType
from edgekit.compute.fixed_point import int32
from edgekit.lower.kernel import Kernel, KernelBuilder, Template
from edgekit.lower.rules import Support, found, input_is_int8

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.lower.view import OperatorView

_LONGEST_AXIS = 1 << 23  # value and position share an int32


def positions_are_integers(view: OperatorView) -> str | None:
    """The output must be int32 or int64."""
    dtype = view.output.dtype
    return found(dtype not in (DType.INT32, DType.INT64), f"{view.output.name!r} is {dtype}")


def axis_is_a_constant(view: OperatorView) -> str | None:
    """The axis must be one constant int32 or int64 that the input has."""
    axis, rank = view.input(1), len(view.input(0).shape)
    if axis.data is None or axis.dtype not in (DType.INT32, DType.INT64) or axis.elements != 1:
        return f"{axis.name!r} of type {axis.dtype} and shape {list(axis.shape)}"
    number = int(axis.data.reshape(())[()])
    return found(not -rank <= number < rank, f"axis {number} of {rank}")


def axis_is_short(view: OperatorView) -> str | None:
    """The axis may have 2^23 elements at most."""
    size = view.input(0).shape[_axis(view)]
    return found(size > _LONGEST_AXIS, f"{size}")


def output_lacks_the_axis(view: OperatorView) -> str | None:
    """The output's shape must be the input's without the axis."""
    shape, axis = view.input(0).shape, _axis(view)
    problem = view.output.shape != shape[:axis] + shape[axis + 1 :]
    return found(problem, f"{list(shape)} to {list(view.output.shape)} along axis {axis}")


def lower_arg_max(view: OperatorView) -> Sequence[Kernel]:
    """The first position of the largest stored integer (`ArgMinMax` of arg_min_max.h)."""
    data, axis = view.input(0), _axis(view)
    size = data.shape[axis]
    outer, inner = math.prod(data.shape[:axis]), math.prod(data.shape[axis + 1 :])
    bits = (size - 1).bit_length()
    kernel = KernelBuilder()
    x = kernel.read(data, (outer, size, inner))
    k = te.reduce_axis((0, size), "k")

    def key(o: Any, i: Any) -> Any:
        # The value in the high bits and, so that the first of equals wins, the distance from the end below.
        return te.max((x[o, k, i].astype("int32") << int32(bits)) + (int32(size - 1) - k), axis=k)

    keys = te.compute((outer, inner), key, name="keys")
    mask, last, dtype = int32((1 << bits) - 1), int32(size - 1), str(view.output.dtype)
    result = te.compute((outer, inner), lambda o, i: (last - (keys[o, i] & mask)).astype(dtype), name="out")
    return [kernel.finish(result, view.output, Template.REDUCTION)]


def _axis(view: OperatorView) -> int:
    """The axis, counted from the first; its rule has been checked."""
    data = view.input(1).data
    assert data is not None
    return int(data.reshape(())[()]) % len(view.input(0).shape)


OPERATORS = {
    "ARG_MAX": Support(
        (input_is_int8, positions_are_integers, axis_is_a_constant, axis_is_short, output_lacks_the_axis),
        lower_arg_max,
    )
}

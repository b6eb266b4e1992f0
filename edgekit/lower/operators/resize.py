"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from tvm import te

from edgekit.compute.fixed_point import int32, shift_right_rounding
from edgekit.compute.movement import lookup
from edgekit.lower.kernel import Kernel, KernelBuilder, Template
from edgekit.lower.moves import MOVE, constant_integers, integers
from edgekit.lower.rules import INT8_TO_INT8, Support, found

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from edgekit.lower.view import OperatorView

_ONE = 1 << 10  # positions and weights have ten bits after the point


# --------------------------------------------------------------------------------------- rules


def size_is_constant(view: OperatorView) -> str | None:
    """The new size must be constant int32: height and width of the output."""
    problem = constant_integers(view.input(1), axes=1)
    size, out = view.input(1), list(view.output.shape[1:3])
    return problem or found(integers(size) != out, f"{integers(size)}, and the output has {out}")


def batch_and_channels_stay(view: OperatorView) -> str | None:
    """Batch and channels must be those of the input."""
    data, out = view.input(0).shape, view.output.shape
    return found((data[0], data[3]) != (out[0], out[3]), f"{list(data)} to {list(out)}")


def has_one_way_to_place_pixels(view: OperatorView) -> str | None:
    """align_corners and half_pixel_centers must not both be set."""
    both = view.option("align_corners") and view.option("half_pixel_centers")
    return found(both, "both are set")


def sizes_fit_fixed_point(view: OperatorView) -> str | None:
    """Height and width must be below 2**20."""
    sizes = (*view.input(0).shape[1:3], *view.output.shape[1:3])
    return found(max(sizes) >= 1 << 20, f"{max(sizes)}")


def positions_stay_inside(view: OperatorView) -> str | None:
    """Positions, whose step is rounded to 1/1024, must not run past the input's edge."""
    for axis, way in zip((1, 2), _ways(view), strict=True):
        size = view.input(0).shape[axis]
        if way.lower.max() >= size:
            return f"position {way.lower.max()} of {size} along axis {axis}"
    return None


# -------------------------------------------------------------------------------------- nearest


def nearest(size: int, out: int, *, align_corners: bool, half_pixel_centers: bool) -> NDArray[np.int32]:
    """Which of `size` input pixels each of `out` output pixels shows.

    In float32, as `GetNearestNeighbor` of
    tensorflow/lite/kernels/internal/reference/resize_nearest_neighbor.h.
    """
    aligned = align_corners and out > 1
    scale = np.float32(size - 1) / np.float32(out - 1) if aligned else np.float32(size) / np.float32(out)
    offset = np.float32(0.5 if half_pixel_centers else 0)
    places = (np.arange(out, dtype=np.float32) + offset) * scale
    if align_corners:
        # None is negative; in float32 the sum itself could be rounded up.
        places = np.floor(places.astype(np.float64) + 0.5)
    return np.minimum(np.floor(places), size - 1).astype(np.int32)


def lower_nearest(view: OperatorView) -> Sequence[Kernel]:
    """A copy of the nearest pixels; where the factor is whole, without a table."""
    data, out = view.input(0), view.output
    kernel = KernelBuilder()
    x = kernel.read(data)
    row, column = (
        _position(kernel, nearest(data.shape[axis], out.shape[axis], **_placement(view)), f"from{axis}")
        for axis in (1, 2)
    )
    result = te.compute(out.shape, lambda n, y, col, c: x[n, row(y), column(col), c], name="resized")
    return [kernel.finish(result, out, Template.ELEMENTWISE)]


def _position(kernel: KernelBuilder, table: NDArray[np.int32], name: str) -> Callable[[Any], Any]:
    return lookup(table, lambda: kernel.constant(table, name))


def _placement(view: OperatorView) -> dict[str, bool]:
    return {name: bool(view.option(name)) for name in ("align_corners", "half_pixel_centers")}


# -------------------------------------------------------------------------------------- bilinear


@dataclasses.dataclass(frozen=True)
class Interpolation:
    """Between which two input pixels each output pixel lies, and the weight of the second, of 1024."""

    lower: NDArray[np.int32]
    upper: NDArray[np.int32]
    weight: NDArray[np.int32]


def interpolation(size: int, out: int, *, align_corners: bool, half_pixel_centers: bool) -> Interpolation:
    """Positions in fixed point.

    Source: `ResizeBilinearInteger` and `ComputeInterpolationValuesInteger` of
    tensorflow/lite/kernels/internal/reference/resize_bilinear.h.
    """
    if align_corners and out > 1:
        scale = (_ONE * (size - 1) + (out - 1) // 2) // (out - 1)
    else:
        scale = (_ONE * size + out // 2) // out
    places = np.arange(out, dtype=np.int64) * scale
    if half_pixel_centers:
        places = places + scale // 2 - _ONE // 2
    # C's division goes towards zero; what it makes of a negative place is cut off at zero anyway.
    lower = np.maximum(places // _ONE, 0)
    upper = np.minimum((places + _ONE - 1) // _ONE, size - 1)
    return Interpolation(*(a.astype(np.int32) for a in (lower, upper, places - _ONE * lower)))


def lower_bilinear(view: OperatorView) -> Sequence[Kernel]:
    """Weights of ten bits along both axes, their sum rounded once, half away from zero."""
    data, out = view.input(0), view.output
    kernel = KernelBuilder()
    x = kernel.read(data)
    (y0, y1, wy), (x0, x1, wx) = (
        [
            _position(kernel, table, f"{name}{axis}")
            for name, table in (("lower", way.lower), ("upper", way.upper), ("weight", way.weight))
        ]
        for axis, way in enumerate(_ways(view))
    )

    def element(n: Any, y: Any, col: Any, c: Any) -> Any:
        def down(column: Any) -> Any:
            above, below = x[n, y0(y), column, c].astype("int32"), x[n, y1(y), column, c].astype("int32")
            return above * (int32(_ONE) - wy(y)) + below * wy(y)

        total = down(x0(col)) * (int32(_ONE) - wx(col)) + down(x1(col)) * wx(col)
        return shift_right_rounding(total, int32(20), may_be_zero=False, wide=False).astype("int8")

    result = te.compute(out.shape, element, name="resized")
    return [kernel.finish(result, out, Template.ELEMENTWISE)]


def _ways(view: OperatorView) -> list[Interpolation]:
    """Along the height, and along the width."""
    data, out = view.input(0).shape, view.output.shape
    return [interpolation(data[axis], out[axis], **_placement(view)) for axis in (1, 2)]


_RESIZE = (size_is_constant, batch_and_channels_stay, sizes_fit_fixed_point)

OPERATORS = {
    "RESIZE_NEAREST_NEIGHBOR": Support((*MOVE, *_RESIZE), lower_nearest),
    "RESIZE_BILINEAR": Support(
        (*INT8_TO_INT8, *_RESIZE, has_one_way_to_place_pixels, positions_stay_inside), lower_bilinear
    ),
}

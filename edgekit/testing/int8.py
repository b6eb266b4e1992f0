"""Comparison of integer arrays: equal in every bit, or told how not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHOWN = 3


def assert_same_bits(actual: NDArray[Any], expected: NDArray[Any], what: str = "output") -> None:
    """Fail unless both arrays have the same type, shape and bytes.

    The message counts the elements that differ and names the first ones and the worst one. Floats are
    compared as bits too: two NaNs are equal when their bits are, and -0.0 is not 0.0.
    """
    assert actual.dtype == expected.dtype, f"{what} is {actual.dtype}, expected {expected.dtype}"
    assert actual.shape == expected.shape, f"{what} has shape {actual.shape}, expected {expected.shape}"
    bits = np.dtype(f"u{actual.dtype.itemsize}")
    actual, expected = np.ascontiguousarray(actual), np.ascontiguousarray(expected)
    different = np.flatnonzero(actual.view(bits) != expected.view(bits))
    assert not different.size, _report(actual.ravel(), expected.ravel(), different, what, actual.shape)


def _report(
    actual: NDArray[Any], expected: NDArray[Any], different: NDArray[Any], what: str, shape: tuple[int, ...]
) -> str:
    # Widened first: in int8, -128 minus 127 wraps to 1, and the worst error would look like a near miss.
    wide = np.float64 if actual.dtype.kind == "f" else np.int64
    distance = np.abs(actual[different].astype(wide) - expected[different].astype(wide))
    worst = int(different[np.argmax(np.nan_to_num(distance, nan=np.inf))])

    def element(flat: int) -> str:
        place = [int(i) for i in np.unravel_index(flat, shape)]
        return f"{place}: {actual[flat]} instead of {expected[flat]}"

    first = ", ".join(element(int(flat)) for flat in different[:_SHOWN])
    return (
        f"{what}: {different.size} of {actual.size} elements differ; first at {first}; "
        f"worst at {element(worst)}"
    )

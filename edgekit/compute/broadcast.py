"""Broadcasting of two operands, with as few axes as it takes."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import TYPE_CHECKING, Any

from tvm import te

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Broadcast:
    """Shapes of a result and of its two operands, all of one rank: an operand's axis is 1 or the result's."""

    result: Shape
    first: Shape
    second: Shape


def broadcast(first: Sequence[int], second: Sequence[int]) -> Broadcast | None:
    """How two shapes combine, numpy's way, or None if they do not.

    Neighbouring axes that both operands treat alike become one: [1, 8, 8, 16] and [16] are
    [64, 16] and [1, 16], so that the innermost loop is long and each operand is read in
    order or not at all.
    """
    rank = max(len(first), len(second))
    pairs = list(
        zip((1,) * (rank - len(first)) + (*first,), (1,) * (rank - len(second)) + (*second,), strict=True)
    )
    if any(a != b and 1 not in (a, b) for a, b in pairs):
        return None
    groups = itertools.groupby((pair for pair in pairs if pair != (1, 1)), key=_is_repeated)
    axes = [tuple(math.prod(sizes) for sizes in zip(*group, strict=True)) for _, group in groups] or [(1, 1)]
    return Broadcast(
        result=tuple(max(axis) for axis in axes),
        first=tuple(a for a, _ in axes),
        second=tuple(b for _, b in axes),
    )


def _is_repeated(pair: tuple[int, int]) -> tuple[bool, bool]:
    """Which operand is repeated along an axis."""
    return pair[0] < pair[1], pair[1] < pair[0]


def elementwise(a: te.Tensor, b: te.Tensor, function: Callable[[Any, Any], Any]) -> te.Tensor:
    """function(a, b) element by element; both have the rank of the result, and 1 where they are repeated."""
    first, second = [int(n) for n in a.shape], [int(n) for n in b.shape]
    result = tuple(max(sizes) for sizes in zip(first, second, strict=True))

    def element(*i: Any) -> Any:
        return function(_at(a, first, i), _at(b, second, i))

    return te.compute(result, element, name="out")


def _at(tensor: te.Tensor, shape: list[int], index: tuple[Any, ...]) -> Any:
    return tensor[tuple(0 if size == 1 else i for size, i in zip(shape, index, strict=True))]

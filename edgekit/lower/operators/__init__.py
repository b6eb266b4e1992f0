"""What EdgeKit builds: every operator by its TFLite name, one file per family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.lower.operators import (
    activations,
    arg_max,
    convolution,
    elementwise,
    joining,
    matmul,
    movement,
    normalization,
    padding,
    pooling,
    quantize,
    recurrent,
    reductions,
    reshaping,
    resize,
    slicing,
    softmax,
    state,
    strided_slice,
    transpose_convolution,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.lower.rules import Support

_FAMILIES = (
    activations,
    arg_max,
    convolution,
    elementwise,
    joining,
    matmul,
    movement,
    normalization,
    padding,
    pooling,
    quantize,
    recurrent,
    reductions,
    reshaping,
    resize,
    slicing,
    softmax,
    state,
    strided_slice,
    transpose_convolution,
)

SUPPORTED: Mapping[str, Support] = {
    kind: support for family in _FAMILIES for kind, support in family.OPERATORS.items()
}

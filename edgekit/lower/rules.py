"""Rules: small checks whose docstring is what the user reads when one does not hold.

A rule takes an `OperatorView` and returns None when it holds, or what was found instead.
`docs/supported-ops.md` is generated from the same docstrings.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from edgekit.artifacts import DType
from edgekit.lower.kernel import Alias, Kernel
from edgekit.lower.quantization import CLAMPS

if TYPE_CHECKING:
    from edgekit.lower.view import OperatorView

Rule = Callable[["OperatorView"], "str | None"]
Lowering = Callable[["OperatorView"], Sequence[Kernel | Alias]]


@dataclasses.dataclass(frozen=True)
class Support:
    """How EdgeKit builds one kind of operator: what it asks for, and how it lowers."""

    rules: tuple[Rule, ...]
    lower: Lowering


def message(rule: Rule) -> str:
    """The rule's sentence."""
    return " ".join((rule.__doc__ or rule.__name__).split())


def found(problem: bool, what: str) -> str | None:
    """`what` if there is a problem."""
    return what if problem else None


# ----------------------------------------------------------------------- rules of many operators


def input_is_int8(view: OperatorView) -> str | None:
    """The first input must be int8."""
    tensor = view.input(0)
    return found(tensor.dtype is not DType.INT8, f"{tensor.name!r} is {tensor.dtype}")


def output_is_int8(view: OperatorView) -> str | None:
    """The output must be int8."""
    tensor = view.output
    return found(tensor.dtype is not DType.INT8, f"{tensor.name!r} is {tensor.dtype}")


def activations_are_per_tensor(view: OperatorView) -> str | None:
    """Inputs and outputs that are quantized must have one scale and one zero point each."""
    for tensor in (*view.inputs, *view.outputs):
        if tensor is None or tensor.dtype not in (DType.INT8, DType.UINT8) or tensor.data is not None:
            continue
        if tensor.quantization is None:
            return f"{tensor.name!r} has no scale"
        if tensor.quantization.is_per_channel:
            return f"{tensor.name!r} has {len(tensor.quantization.scales)} scales"
    return None


def operands_are_per_tensor(view: OperatorView) -> str | None:
    """Every 8-bit input, constants included, and the output must have one scale and one zero point."""
    for tensor in (*view.inputs, *view.outputs):
        if tensor is None or tensor.dtype not in (DType.INT8, DType.UINT8):
            continue
        if tensor.quantization is None:
            return f"{tensor.name!r} has no scale"
        if tensor.quantization.is_per_channel:
            return f"{tensor.name!r} has {len(tensor.quantization.scales)} scales"
    return None


def has_as_many_elements(view: OperatorView) -> str | None:
    """The first input and the output must have the same number of elements."""
    data, out = view.input(0), view.output
    return found(data.elements != out.elements, f"{list(data.shape)} and {list(out.shape)}")


def is_rank_4(view: OperatorView) -> str | None:
    """The first input and the output must have 4 dimensions (batch, height, width, channels)."""
    for tensor in (view.input(0), view.output):
        if len(tensor.shape) != 4:
            return f"{tensor.name!r} has shape {list(tensor.shape)}"
    return None


def fused_activation_is_a_clamp(view: OperatorView) -> str | None:
    """A fused activation must be NONE, RELU, RELU6 or RELU_N1_TO_1, with bounds that fit 32 bits."""
    activation = view.option("fused_activation_function")
    if activation not in CLAMPS:
        return str(activation)
    # 6 is the largest bound; TFLite refuses bounds that overflow when they are quantized.
    bounds = [bound for bound in CLAMPS[activation] if bound]
    if not bounds:
        return None
    overflows = any(abs(bound / view.output.scale) >= 1 << 31 for bound in bounds)
    return found(overflows, f"{activation} of a tensor with scale {view.output.scale:.6g}")


INT8_TO_INT8 = (input_is_int8, output_is_int8, activations_are_per_tensor)
UNARY_INT8 = (input_is_int8, output_is_int8, operands_are_per_tensor, has_as_many_elements)

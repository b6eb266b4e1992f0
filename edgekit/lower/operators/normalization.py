"""L2_NORMALIZATION."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.compute.l2_normalization import LONGEST_ROW, l2_normalization
from edgekit.lower.kernel import Kernel, KernelBuilder, Template
from edgekit.lower.rules import UNARY_INT8, Support, found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.lower.view import OperatorView


def output_is_within_one(view: OperatorView) -> str | None:
    """The output must have scale 1/128 and zero point 0."""
    out = view.output
    return found((out.scale, out.zero_point) != (1 / 128, 0), f"{out.scale} and {out.zero_point}")


def rows_can_be_summed(view: OperatorView) -> str | None:
    """The last axis may have 33025 elements at most."""
    shape = view.input(0).shape
    return found(not shape or shape[-1] > LONGEST_ROW, f"shape {list(shape)}")


def nothing_is_fused(view: OperatorView) -> str | None:
    """L2_NORMALIZATION takes no fused activation."""
    activation = view.option("fused_activation_function")
    return found(activation != "NONE", str(activation))


def lower_l2_normalization(view: OperatorView) -> Sequence[Kernel]:
    """Every row of the last axis divided by its length."""
    data = view.input(0)
    depth = data.shape[-1]
    kernel = KernelBuilder()
    x = kernel.read(data, (data.elements // depth, depth))
    return [kernel.finish(l2_normalization(x, data.zero_point), view.output, Template.SERIAL)]


OPERATORS = {
    "L2_NORMALIZATION": Support(
        (
            *UNARY_INT8,
            rows_can_be_summed,
            output_is_within_one,
            nothing_is_fused,
        ),
        lower_l2_normalization,
    )
}

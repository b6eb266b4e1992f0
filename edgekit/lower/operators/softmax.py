"""SOFTMAX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.compute.softmax import LONGEST_ROW, exponentials, softmax
from edgekit.lower.kernel import Kernel, KernelBuilder, Template
from edgekit.lower.rules import UNARY_INT8, Support, found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.lower.view import OperatorView


def output_is_a_probability(view: OperatorView) -> str | None:
    """The output must have scale 1/256 and zero point -128."""
    out = view.output
    return found((out.scale, out.zero_point) != (1 / 256, -128), f"{out.scale} and {out.zero_point}")


def rows_are_short(view: OperatorView) -> str | None:
    """The last axis may have 4095 elements at most."""
    shape = view.input(0).shape
    return found(not shape or shape[-1] > LONGEST_ROW, f"shape {list(shape)}")


def beta_is_usable(view: OperatorView) -> str | None:
    """beta times the input's scale must be more than 2^-26."""
    beta = view.option("beta")
    return found(not beta * view.input(0).scale > 2.0**-26, f"{beta} and {view.input(0).scale}")


def lower_softmax(view: OperatorView) -> Sequence[Kernel]:
    """Rows of int8 scores to int8 probabilities; the exponentials are tabulated here."""
    data = view.input(0)
    depth = data.shape[-1]
    kernel = KernelBuilder()
    x = kernel.read(data, (data.elements // depth, depth))
    table = kernel.constant(exponentials(view.option("beta") * data.scale), "exponentials")
    return [kernel.finish(softmax(x, table), view.output, Template.SERIAL)]


OPERATORS = {
    "SOFTMAX": Support(
        (
            *UNARY_INT8,
            rows_are_short,
            output_is_a_probability,
            beta_is_usable,
        ),
        lower_softmax,
    )
}

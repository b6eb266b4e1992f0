"""Which operators of a graph cannot be built, and why."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.errors import UnsupportedModelError, nearest
from edgekit.lower.operators import SUPPORTED
from edgekit.lower.rules import message
from edgekit.lower.view import OperatorView

if TYPE_CHECKING:
    from edgekit.artifacts import Graph


@dataclasses.dataclass(frozen=True)
class Problem:
    """One reason why a graph cannot be built."""

    operator: int
    kind: str
    where: str
    rule: str  # the sentence that does not hold
    found: str  # what was found instead


def explain(graph: Graph) -> tuple[Problem, ...]:
    """Every operator that cannot be built, in order, each with the first rule that does not hold."""
    problems = (_first_problem(OperatorView(operator, graph)) for operator in graph.operators)
    return tuple(problem for problem in problems if problem is not None)


def check(graph: Graph) -> None:
    """Refuse a graph that cannot be built.

    Raises:
        UnsupportedModelError: naming the first operator at fault, its tensors and a way out.
    """
    problems = explain(graph)
    if not problems:
        return
    first = problems[0]
    more = f" ({len(problems) - 1} more operators have problems; `edgekit inspect` lists them.)"
    raise UnsupportedModelError(
        f"The model cannot be built: {first.where}.",
        why=f"{first.rule} Found: {first.found}.{more if len(problems) > 1 else ''}",
        fix="Change the layer in the model, or see docs/supported-ops.md for what is built.",
    )


def _first_problem(view: OperatorView) -> Problem | None:
    kind, index = view.operator.kind, view.operator.index
    if kind not in SUPPORTED:
        hint = nearest(kind, SUPPORTED, "")
        return Problem(index, kind, view.where, f"EdgeKit does not build {kind} yet.", hint or kind)
    for rule in SUPPORTED[kind].rules:
        what = rule(view)
        if what is not None:
            return Problem(index, kind, view.where, message(rule), what)
    return None

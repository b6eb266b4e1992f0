"""What C says of a printed expression is what TIR says of it."""

from __future__ import annotations

import itertools

import pytest
from tvm import tirx

from edgekit.codegen.firmware.expressions import Expressions

A, B, C = (tirx.Var(name, "bool") for name in "abc")


def printed(expression: object) -> str:
    expressions = Expressions(lambda variable: str(variable.name), lambda name, _index: str(name))
    lines, (text,) = expressions.statement(expression)
    assert not lines
    return text


@pytest.mark.parametrize(
    "expression",
    [
        tirx.And(tirx.Or(A, B), C),
        tirx.And(A, tirx.Or(B, C)),
        tirx.Or(tirx.And(A, B), C),
        tirx.Or(A, tirx.And(B, C)),
        tirx.Not(tirx.And(A, tirx.Not(B))),
    ],
    ids=str,
)
def test_conditions_of_conditions_keep_their_meaning(expression: object) -> None:
    python = printed(expression).replace("&&", " and ").replace("||", " or ").replace("!", " not ")
    for a, b, c in itertools.product((False, True), repeat=3):
        assert bool(eval(python, {"a": a, "b": b, "c": c})) is _value(expression, {"a": a, "b": b, "c": c})


def _value(expression: object, values: dict[str, bool]) -> bool:
    match expression:
        case tirx.And():
            return _value(expression.a, values) and _value(expression.b, values)
        case tirx.Or():
            return _value(expression.a, values) or _value(expression.b, values)
        case tirx.Not():
            return not _value(expression.a, values)
    assert isinstance(expression, tirx.Var)
    return values[expression.name]


def test_conditions_of_one_kind_need_no_parentheses() -> None:
    assert printed(tirx.And(tirx.And(A, B), C)) == "a && b && c"
    assert printed(tirx.Or(tirx.Or(A, B), C)) == "a || b || c"


def test_compilers_are_not_left_to_wonder_about_both_kinds() -> None:
    """-Wall has them warn of a || b && c without parentheses."""
    assert printed(tirx.Or(A, tirx.And(B, C))) == "a || (b && c)"

"""The page of supported operators is what the rules say, and every rule has a sentence."""

from __future__ import annotations

import inspect

import pytest

from edgekit.lower.operators import SUPPORTED
from edgekit.lower.rules import message
from scripts.supported_ops import PAGE, litert_cases, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python scripts/supported_ops.py"


@pytest.mark.parametrize("kind", sorted(SUPPORTED))
def test_every_rule_is_a_sentence_of_its_own(kind: str) -> None:
    rules = SUPPORTED[kind].rules
    assert len(set(map(message, rules))) == len(rules)
    for rule in rules:
        assert inspect.getdoc(rule), rule
        assert message(rule).endswith("."), message(rule)


def test_cases_checked_elsewhere_belong_to_supported_operators() -> None:
    cases = litert_cases()
    assert cases
    for case, reason in cases.items():
        assert case.split()[0].rstrip(",") in SUPPORTED
        assert reason.endswith(".")

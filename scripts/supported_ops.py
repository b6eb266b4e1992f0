#!/usr/bin/env python3
"""Writes docs/supported-ops.md from the operators' own rules. Run it in EdgeKit's environment."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

from edgekit.artifacts import DType
from edgekit.lower.operators import SUPPORTED
from edgekit.lower.rules import message

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "supported-ops.md"

_HEAD = """\
# Supported operators

<!-- Written by scripts/supported_ops.py from the rules in edgekit/lower/operators. Do not edit. -->

EdgeKit builds full-integer models from these {count} TFLite operators. An operator that breaks one of its
rules is refused before anything is compiled, with the rule's sentence and what was found instead;
`edgekit inspect` lists all such operators of a model.

Every operator builds for every target: Linux CPUs and microcontrollers alike.

The types are those that an operator's rules name, its weights and indices included.
Every operator is compared bit for bit with TFLite Micro's reference kernels, one small model at a time.
"and LiteRT" marks those with cases that TFLite Micro lacks, [listed below](#checked-against-litert).

| Operator | Types | Checked against |
|---|---|---|
"""
_LITERT = """
## Checked against LiteRT

TFLite Micro lacks these cases, so LiteRT's own reference kernels (`BUILTIN_REF`) are their meaning.

| Case | Why |
|---|---|
"""
_UNDEFINED = """
## Where the references have no answer

- QUANTIZE of a float that no 32-bit integer can hold after the division is undefined in C, and differs
  between processors. EdgeKit saturates; a NaN becomes the zero point.
- SOFTMAX over so many nearly equal scores that the exponentials' sum reaches 512 times the largest ends
  TFLite Micro's process. EdgeKit goes on: each probability is then a half step at most, and becomes 0.
"""


def page() -> str:
    """The whole page."""
    cases = litert_cases()
    with_cases = {case.split()[0].rstrip(",") for case in cases}
    rows = [
        f"| {kind} | {', '.join(_types(kind))} | "
        f"{'TFLite Micro and LiteRT' if kind in with_cases else 'TFLite Micro'} |\n"
        for kind in sorted(SUPPORTED)
    ]
    reasons = [f"| {case} | {reason} |\n" for case, reason in sorted(cases.items())]
    head = _HEAD.format(count=len(SUPPORTED))
    return "".join([head, *rows, _LITERT, *reasons, _UNDEFINED, "\n## Rules\n", *map(_section, _alike())])


def litert_cases() -> dict[str, str]:
    """What the operators' tests compare with LiteRT, and why: their LITERT_REFERENCED."""
    cases: dict[str, str] = {}
    for path in sorted((ROOT / "tests" / "unit" / "operators").glob("test_*.py")):
        for statement in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(statement, ast.Assign) and _names(statement) == ["LITERT_REFERENCED"]:
                cases |= ast.literal_eval(statement.value)
    return cases


def _names(statement: ast.Assign) -> list[str]:
    return [target.id for target in statement.targets if isinstance(target, ast.Name)]


def _sentences(kind: str) -> tuple[str, ...]:
    return tuple(message(rule) for rule in SUPPORTED[kind].rules)


def _types(kind: str) -> list[str]:
    words = set(re.findall(r"\w+", " ".join(_sentences(kind))))
    return [dtype.value for dtype in DType if dtype.value in words] or ["any"]


def _alike() -> list[tuple[str, ...]]:
    """Operators with the same rules, together."""
    kinds = sorted(SUPPORTED, key=lambda kind: (_sentences(kind), kind))
    groups = [tuple(group) for _, group in itertools.groupby(kinds, key=_sentences)]
    return sorted(groups)


def _section(kinds: tuple[str, ...]) -> str:
    sentences = _sentences(kinds[0]) or ("It may always be there.",)
    return f"\n### {', '.join(kinds)}\n\n" + "".join(f"- {sentence}\n" for sentence in sentences)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

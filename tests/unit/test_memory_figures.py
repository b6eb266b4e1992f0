"""The table of docs/memory.md is what the planner gives."""

from __future__ import annotations

import pytest

from benchmarks.tflm import TFLM
from scripts.memory_figures import PAGE, row, rows, with_rows

QUICK = ("alexa", "keyword_spotting", "tflite_micro_magic_wand")  # streaming, without gain by bands, with it


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.full) for name in sorted(TFLM)]
)
def test_a_model_s_figures_are_current(name: str) -> None:
    assert row(name) in rows(), "run: python scripts/memory_figures.py"


def test_the_page_has_every_model_once_and_their_means() -> None:
    assert [line.split("|")[1].strip() for line in rows()] == sorted(TFLM)
    assert PAGE.read_text(encoding="utf-8") == with_rows(rows())

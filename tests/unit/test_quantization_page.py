"""docs/quantization.md lists the operators that are tested, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

from edgekit.quantize.flatbuffer import kind_of, read
from tests.unit.test_quantize_operators import CASES, float_model, place_of_greatest

PAGE = Path(__file__).parents[2] / "docs" / "quantization.md"


def test_the_page_lists_the_operators_that_are_tested() -> None:
    listed = PAGE.read_text(encoding="utf-8").split("is tested. -->\n")[1].split("\n\n")[0]
    kinds = re.findall(r"[A-Z0-9_]+", listed)
    assert kinds == sorted(kinds)
    tested = set()
    for build in (*CASES.values(), place_of_greatest):
        model = read(float_model(build))
        tested |= {kind_of(model, operator) for operator in model.subgraphs[0].operators}
    assert set(kinds) == tested

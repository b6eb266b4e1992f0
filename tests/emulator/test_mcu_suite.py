"""`scripts/bench --suite mcu` builds, runs, checks and compares."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from benchmarks.__main__ import main
from benchmarks.tflm import TFLM
from edgekit.testing.models import model_path

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.emulator

NAME = "autoencoder_example"


def test_a_shipped_model_is_exact_and_beside_tflite_micro_and_a_file_of_its_name_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = shutil.copy(model_path(NAME), tmp_path / f"{NAME}.tflite")
    suite = ["--suite", "mcu", "--cpu", "cortex-m4", "--only", NAME, "--model", str(mine)]
    assert main([*suite, "--check", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    shipped, given = found["models"]
    assert (shipped["cpu"], shipped["exact"], shipped["fnv"]) == ("cortex-m4", True, TFLM[NAME].fnv)
    assert shipped["tflm_instructions"] == TFLM[NAME].cortex_m4
    assert shipped["ratio"] == found["geomean_ratio"] >= 1.4
    assert (given["exact"], given["ratio"]) == (True, None)
    for key in ("instructions", "code_bytes", "arena_bytes", "stack_bytes"):
        assert given[key] == shipped[key] > 0

"""The example in docs/ is a program that works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def test_the_example_builds_verifies_and_runs_a_trained_model(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "docs" / "example.py")],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2,656,768 multiply-accumulates" in done.stdout
    assert "20 golden vectors on this machine: equal True" in done.stdout
    assert "silence sounds like '_background_noise_'" in done.stdout
    assert not list(folder.iterdir())

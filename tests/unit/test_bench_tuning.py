"""What `scripts/bench-tuning` makes of its measurements."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.tuning import Found, main, measure
from edgekit.measurement import Ratio
from edgekit.testing.tunable import tunable_model

if TYPE_CHECKING:
    from pathlib import Path

GOOD = Found(
    model="net",
    trials=100,
    tuning_seconds=600.0,
    build_seconds=30.0,
    shipped_share=1.0,
    longer=Ratio(1.01, 0.99, 1.03),
    exact=True,
)


def test_bars_that_are_reached_are_not_spoken_of() -> None:
    assert GOOD.shortfalls() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tuning_seconds": 1200.0}, "tuning took 20.0 min"),
        ({"build_seconds": 121.0}, "the build took 2.0 min"),
        ({"longer": Ratio(1.05, 1.0, 1.101)}, "up to 1.101 times"),
    ],
)
def test_a_bar_that_is_missed_is_named(changes: dict[str, Any], words: str) -> None:
    (missed,) = dataclasses.replace(GOOD, **changes).shortfalls()
    assert words in missed


def test_a_model_is_tuned_from_nothing_and_raced_against_what_is_shipped(tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(tunable_model())
    found = measure(model, tmp_path, minutes=None, rounds=3)
    assert found.exact
    assert found.trials > 0
    assert found.longer.low <= found.longer.middle <= found.longer.high


def test_a_model_that_is_not_there_is_the_users_to_correct(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--model", str(tmp_path / "none.tflite")]) != 0
    assert "none.tflite" in capsys.readouterr().err

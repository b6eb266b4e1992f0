"""Which engine a build gets: the one that is named, or the winner of a race. Races here are made up."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

import edgekit
from edgekit.artifacts import Engine
from edgekit.cli.main import main
from edgekit.devices.choice import DeviceChoice
from edgekit.devices.local import LocalDevice
from edgekit.errors import BudgetExceededError, ExitCode, WrongValueError
from edgekit.measurement import Assessment, Ratio, Verdict
from edgekit.profile import Race, Winner, race_bundle
from edgekit.project import Budgets
from edgekit.testing.models import model_path
from edgekit.verbs import build_fastest as verb

if TYPE_CHECKING:
    from pathlib import Path

MODEL = model_path("tflite_micro_magic_wand")


def run_cli(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    code = left.value.code
    assert isinstance(code, int)
    return code


@pytest.fixture(scope="module")
def race(tmp_path_factory: pytest.TempPathFactory) -> Race:
    """A real race of one round, to change the outcome of."""
    folder = tmp_path_factory.mktemp("race")
    bundle = edgekit.build(MODEL, target="host", output=folder)
    return race_bundle(bundle, LocalDevice(folder), rounds=1, progress=lambda _stage, _share: None)


def choose(
    race: Race, winner: Winner, ratio: Ratio, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> edgekit.Choice:
    valid = Assessment(verdict=Verdict.VALID, reasons=(), unseen=())
    outcome = dataclasses.replace(race, winner=winner, ratio=ratio, assessment=valid)
    monkeypatch.setattr(verb, "bench", lambda *_args, **_options: outcome)
    return edgekit.build_fastest(MODEL, target="host", output=directory)


def test_litert_is_shipped_where_it_is_faster_and_what_is_given_up_is_said(
    race: Race, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = choose(race, Winner.LITERT, Ratio(0.8, 0.75, 0.85), tmp_path, monkeypatch)
    assert choice.engine is Engine.LITERT
    assert choice.bundle.manifest["engine"] == "litert"
    assert choice.bundle.path == tmp_path / "tflite_micro_magic_wand" / "host"
    assert "LiteRT is faster" in choice.why
    assert "0.800, 95 % interval 0.750 to 0.850" in choice.why
    assert any("bit-exact" in loss for loss in choice.given_up)
    assert any("ai-edge-litert" in loss for loss in choice.given_up)


@pytest.mark.parametrize(
    ("winner", "ratio", "words"),
    [
        (Winner.EDGEKIT, Ratio(1.5, 1.4, 1.6), "EdgeKit's engine is faster"),
        (Winner.NOBODY, Ratio(0.99, 0.9, 1.1), "Neither is faster beyond doubt"),
    ],
)
def test_edgekit_s_engine_stays_where_it_wins_and_inside_the_noise(
    race: Race, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, winner: Winner, ratio: Ratio, words: str
) -> None:
    choice = choose(race, winner, ratio, tmp_path, monkeypatch)
    assert (choice.engine, choice.bundle.manifest["engine"]) == (Engine.EDGEKIT, "edgekit")
    assert words in choice.why
    assert choice.given_up == ()


def test_a_race_that_is_invalid_decides_nothing_and_says_why(
    race: Race, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert race.assessment.verdict is Verdict.INVALID  # one round
    monkeypatch.setattr(verb, "bench", lambda *_args, **_options: race)
    choice = edgekit.build_fastest(MODEL, target="host", output=tmp_path)
    assert choice.engine is Engine.EDGEKIT
    assert "is INVALID and decides nothing" in choice.why
    assert "1 rounds are too few" in choice.why


def test_without_litert_there_is_no_race_and_edgekit_s_engine_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEKIT_LITERT_PYTHON", "/nonexistent")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    choice = edgekit.build_fastest(MODEL, target="host", output=tmp_path)
    assert (choice.engine, choice.race) == (Engine.EDGEKIT, None)
    assert "There was no race" in choice.why
    assert "edgekit-litert/bin/pip install ai-edge-litert" in choice.why


def test_a_race_that_is_run_chooses_by_its_winner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("build", str(MODEL), "--target", "host", "--output", str(tmp_path), "--engine", "auto")
    assert run_cli(*arguments, "--json") == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    choice = document["choice"]
    assert choice["race"]["exact"] is True
    assert choice["engine"] == document["manifest"]["engine"]
    assert (choice["engine"] == "litert") == (choice["race"]["winner"] == "litert")


def test_a_count_of_instructions_chooses_no_engine(tmp_path: Path) -> None:
    with pytest.raises(WrongValueError, match="cannot be found out without a rpi4"):
        edgekit.build_fastest(MODEL, target="rpi4", output=tmp_path, device=DeviceChoice(emulated=True))
    assert (tmp_path / "tflite_micro_magic_wand" / "rpi4" / "manifest.json").exists()


def test_litert_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("build", str(MODEL), "--target", "host", "--output", str(tmp_path), "--engine", "litert")
    assert run_cli(*arguments) == ExitCode.DONE
    shown = capsys.readouterr()
    assert "LiteRT, which must be on the device" in shown.out
    assert "not bit-exact" in shown.err


def test_litert_is_held_to_no_budget_of_ram_and_cannot_be_tuned(tmp_path: Path) -> None:
    with pytest.raises(WrongValueError, match="budget of RAM"):
        edgekit.build(
            MODEL,
            target="host",
            output=tmp_path,
            engine=Engine.LITERT,
            budgets=Budgets(max_ram_bytes=1 << 20),
        )
    with pytest.raises(WrongValueError, match="budget of RAM"):
        edgekit.build_fastest(MODEL, target="host", output=tmp_path, budgets=Budgets(max_ram_bytes=1 << 20))
    with pytest.raises(WrongValueError, match="cannot be tuned"):
        edgekit.build(MODEL, target="host", output=tmp_path, engine=Engine.LITERT, trials=3)
    assert not list(tmp_path.glob("*/*/manifest.json"))


def test_a_model_file_over_its_budget_of_flash_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BudgetExceededError, match="the model file"):
        edgekit.build(
            MODEL,
            target="host",
            output=tmp_path,
            engine=Engine.LITERT,
            budgets=Budgets(max_flash_bytes=1000),
        )
    assert not list(tmp_path.glob("*/*/manifest.json"))

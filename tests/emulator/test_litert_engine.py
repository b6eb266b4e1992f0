"""LiteRT as an engine for a board, and the race by instructions, on the emulated one."""

from __future__ import annotations

import dataclasses
import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

import edgekit
from edgekit.cli.main import main
from edgekit.devices.choice import DeviceChoice
from edgekit.errors import EmulatedTimeError, ExitCode, WrongValueError
from edgekit.profile import InstructionProfile, InstructionRace
from edgekit.target import load_target
from edgekit.testing.models import model_path
from edgekit.verbs import bench as verb

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.artifacts import Bundle

pytestmark = pytest.mark.emulator

EMULATED = DeviceChoice(emulated=True)
MODEL = "tflite_micro_magic_wand"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A trained model for the Raspberry Pi 4."""
    return edgekit.build(model_path(MODEL), target="rpi4", output=tmp_path_factory.mktemp("ours"))


def test_both_engines_instructions_are_compared_and_repeat(ours: Bundle) -> None:
    first, second = (edgekit.bench(ours.path, device=EMULATED) for _ in range(2))
    assert isinstance(first, InstructionRace)
    assert isinstance(second, InstructionRace)
    assert first.edgekit_instructions == second.edgekit_instructions
    assert first.litert_instructions == pytest.approx(second.litert_instructions, rel=0.01)
    assert first.ratio == first.litert_instructions / first.edgekit_instructions
    assert "cortex-a72" in first.emulator
    assert first.exact is True


def test_a_race_of_instructions_with_other_answers_than_the_oracle_s_is_a_failure(
    ours: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = shutil.copytree(ours.path, tmp_path / "other")
    with np.load(other / "golden.npz") as golden:
        arrays = dict(golden)
    arrays["output/0"] = arrays["output/0"].copy()
    arrays["output/0"].flat[-1] += 1
    np.savez(other / "golden.npz", **arrays)
    altered = dataclasses.replace(ours, path=other)
    monkeypatch.setattr(verb, "read_bundle", lambda _path: altered)
    with pytest.raises(SystemExit) as left:
        main(["bench", str(other), "--emulated"])
    assert left.value.code == ExitCode.OUTPUTS_DIFFER
    assert "EdgeKit's answers: NOT the oracle's" in capsys.readouterr().out


def test_the_command_calls_instructions_no_time(ours: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["bench", str(ours.path), "--emulated", "--json"])
    assert left.value.code == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    assert document["unit"] == "instructions"
    assert not [key for key in document["race"] if "_ns" in key or "time" in key or "winner" in key]


def test_instructions_of_several_threads_are_not_counted(ours: Bundle) -> None:
    with pytest.raises(WrongValueError, match="2 threads cannot be counted"):
        edgekit.bench(ours.path, device=EMULATED, threads=2)


def test_litert_is_not_counted_where_there_is_no_wheel_of_it(tmp_path: Path) -> None:
    bundle = edgekit.build(model_path(MODEL), target="generic-armv7", output=tmp_path)
    with pytest.raises(WrongValueError, match="has no wheel for armv7"):
        edgekit.bench(bundle.path, device=EMULATED)


def test_a_build_for_litert_is_counted_as_a_whole(tmp_path: Path) -> None:
    bundle = edgekit.build(model_path(MODEL), target="rpi4", output=tmp_path, engine=edgekit.Engine.LITERT)
    found = edgekit.profile(bundle.path, device=EMULATED)
    assert isinstance(found, InstructionProfile)
    assert (found.steps, found.macs) == ((), bundle.manifest["macs"])
    assert found.total_instructions > 0
    assert "ai-edge-litert" in found.emulator


def test_nothing_is_explained_on_an_emulated_board(ours: Bundle) -> None:
    with pytest.raises(EmulatedTimeError, match="cannot be explained"):
        edgekit.explain(ours.path, device=EMULATED)


@pytest.mark.parametrize(
    ("name", "instruction"), [("rpi4", "smlal"), ("rpi5", "sdot"), ("generic-armv7", "vmlal")]
)
def test_the_limits_of_a_cpu_are_measured_by_its_best_instruction(
    tmp_path: Path, name: str, instruction: str
) -> None:
    from edgekit.devices.emulated.programs import run_program
    from edgekit.package.runner_binary import RUNNER_NAME, build_runner

    target = load_target(name)
    runner = tmp_path / RUNNER_NAME
    runner.write_bytes(build_runner(target))
    runner.chmod(0o755)
    done = run_program((runner, "roofline"), target, progress=lambda _stage, _share: None)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["multiply"]["instruction"] == instruction

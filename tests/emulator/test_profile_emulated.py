"""Verify, run and profile a build for a board on the emulated board."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

import edgekit
from edgekit.cli.main import main
from edgekit.devices.choice import DeviceChoice
from edgekit.profile import InstructionProfile
from edgekit.target import load_target
from edgekit.testing.tiny_model import tiny_bundle
from tests.emulator.conftest import ARMV7_TARGET

if TYPE_CHECKING:
    from edgekit.artifacts import Bundle
    from edgekit.devices.emulated.board import BoardInfo

pytestmark = pytest.mark.emulator

EMULATED = DeviceChoice(emulated=True)


@pytest.fixture(scope="module", params=["rpi4", ARMV7_TARGET])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    request.getfixturevalue("board" if request.param == "rpi4" else "board_armv7")
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / request.param, target=load_target(request.param))


def test_every_byte_is_equal_on_the_emulated_board(bundle: Bundle) -> None:
    found = edgekit.verify(bundle.path, device=EMULATED)
    assert (found.equal, found.frames, found.operators_compared) == (True, 100, 2)
    assert found.device == f"emulated {bundle.manifest['target']['name']}"


def test_a_wrong_operator_is_named_on_the_emulated_board(
    board: BoardInfo, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wrong = tiny_bundle(tmp_path_factory.mktemp("wrong") / "rpi4", "FIRST_STEP", target=load_target("rpi4"))
    found = edgekit.verify(wrong.path, device=EMULATED)
    assert found.operator_difference is not None
    assert (found.operator_difference.index, found.operator_difference.coordinates) == (3, (1, 2))


def test_inputs_run_on_the_emulated_board(bundle: Bundle) -> None:
    given = np.arange(-4, 4, dtype=np.int8).reshape(2, 4)
    outputs = edgekit.run({"0": given}, bundle.path, device=EMULATED)
    np.testing.assert_array_equal(outputs["output_4"], np.maximum(given, np.int8(-1)))


def test_instructions_are_counted_step_by_step_and_repeat(bundle: Bundle) -> None:
    first, second = (edgekit.profile(bundle.path, device=EMULATED) for _ in range(2))
    assert isinstance(first, InstructionProfile)
    assert isinstance(second, InstructionProfile)
    assert first == second
    assert [step.kernel for step in first.steps] == ["tiny_maximum", "tiny_relu", "tiny_assign"]
    assert all(0 < step.instructions < 1000 for step in first.steps)
    assert first.total_instructions == sum(step.instructions for step in first.steps)
    assert "qemu" in first.emulator


def test_an_emulated_profile_is_never_called_time(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["profile", str(bundle.path), "--emulated"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert "instructions are not time" in shown
    assert not [word for word in (" us", " ms", "median", "MMAC/s") if word in shown]
    with pytest.raises(SystemExit):
        main(["profile", str(bundle.path), "--emulated", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["unit"] == "instructions"
    assert not [key for step in document["profile"]["steps"] for key in step if "time" in key or "_ns" in key]

"""The main job: trained models built for boards and proven there, byte for byte, over SSH."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgekit.devices.emulated import emulated_device
from edgekit.evaluate import verify_bundle
from edgekit.pipeline import compile_model
from edgekit.target import load_target
from edgekit.testing.models import ALL, QUICK, STREAMING, model_path

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.devices.emulated.board import BoardInfo

pytestmark = pytest.mark.emulator

# Every model in the full run; one of each kind in CI.
MODELS = [name if name in QUICK else pytest.param(name, marks=pytest.mark.full) for name in ALL]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("board_fixture", ["board", "board_armv7"])
def test_a_trained_model_gives_the_oracles_bytes_on_the_board(
    name: str, board_fixture: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    board: BoardInfo = request.getfixturevalue(board_fixture)
    target = load_target(board.name)
    bundle = compile_model(model_path(name), target, tmp_path)
    assert bundle.manifest["golden"]["checked"]
    with emulated_device(target) as device:
        verification = verify_bundle(bundle, device, progress=lambda _stage, _share: None)
    assert verification.equal, verification
    assert verification.frames >= (100 if name in STREAMING else 20)

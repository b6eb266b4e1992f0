"""An emulated board on which LiteRT is installed, as on the board of somebody who uses it."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

import edgekit
from edgekit.devices.emulated.board import BoardInfo, board_up
from edgekit.devices.emulated.rootfs import has_litert
from edgekit.errors import PackageUnavailableError
from edgekit.pipeline import wrap_for_litert
from edgekit.target import load_target
from edgekit.testing.models import model_path
from edgekit.verbs.device import device_ssh_command

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.emulator


def up(name: str, *, litert: bool) -> BoardInfo:
    return board_up(load_target(name), litert=litert, progress=lambda _stage, _share: None)


def python(board: BoardInfo, program: str) -> str:
    argv = device_ssh_command(board.name, (f"python3 -c '{program}'",))
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True).stdout.strip()


def test_a_board_has_litert_when_it_is_asked_for(boards_home: None) -> None:
    without = up("rpi3", litert=False)
    assert not has_litert(without.rootfs)
    having = up("rpi3", litert=True)
    assert having.pid != without.pid  # restarted: what it lacks cannot be added while it is up
    assert python(having, 'import importlib.metadata as m; print(m.version("ai-edge-litert"))') == "2.3.0"
    assert python(having, "from ai_edge_litert.interpreter import Interpreter; print(1)") == "1"
    assert up("rpi3", litert=False).pid == having.pid  # more than is asked for does no harm


def test_there_is_no_wheel_of_litert_for_32_bit_boards(boards_home: None) -> None:
    with pytest.raises(PackageUnavailableError, match=re.escape("ai-edge-litert==2.3.0 for armv7l")):
        up("beaglebone-black", litert=True)


def test_a_build_whose_engine_is_litert_is_deployed_to_a_board_that_has_it(
    boards_home: None, tmp_path: Path
) -> None:
    up("rpi-zero-2w", litert=False)
    bundle = wrap_for_litert(model_path("keyword_spotting"), load_target("rpi-zero-2w"), tmp_path)
    board = edgekit.DeviceChoice(emulated=True)
    assert edgekit.deploy(bundle.path, device=board).release.target == "rpi-zero-2w"
    verified = edgekit.verify(bundle.path, device=board)
    assert verified.passes
    assert "not bit-exact" in (verified.note or "")

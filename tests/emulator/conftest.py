"""Emulated boards for all tests of a session: apart from the developer's own, taken down at its end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from edgekit.devices.emulated.board import BoardInfo, board_down, board_status, board_up
from edgekit.errors import ToolMissingError
from edgekit.target import Target, load_target

if TYPE_CHECKING:
    from collections.abc import Iterator

ARMV7_TARGET = "beaglebone-black"


@pytest.fixture(scope="session")
def boards_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder for the boards' state, for this session (and worker) alone; downloads stay in the cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield
        for up in board_status():
            board_down(up.name)


@pytest.fixture(scope="session")
def board(boards_home: None) -> BoardInfo:
    """An emulated Raspberry Pi 4 that is up."""
    return bring_up(load_target("rpi4"))


@pytest.fixture(scope="session")
def board_armv7(boards_home: None) -> BoardInfo:
    """An emulated armv7 board that is up."""
    return bring_up(load_target(ARMV7_TARGET))


def bring_up(target: Target) -> BoardInfo:
    """Bring a board up. On a developer's machine a missing tool skips the test; in CI it fails it."""
    try:
        return board_up(target, progress=lambda stage, fraction: None)
    except ToolMissingError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))

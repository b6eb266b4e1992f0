"""Which emulated board is meant where no target is named. The boards are records of a process that runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import edgekit
from edgekit.devices.choice import DeviceChoice
from edgekit.devices.emulated import state
from edgekit.devices.emulated.board import only_board
from edgekit.devices.emulated.processes import identify
from edgekit.errors import BoardNotRunningError
from edgekit.verbs.connect import connected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgekit.devices.emulated.processes import Process


@pytest.fixture(autouse=True)
def _no_boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONPATH", str(Path(edgekit.__file__).parents[1]))


@pytest.fixture
def running() -> Iterator[Process]:
    """A process that a board's record can name."""
    with subprocess.Popen(["sleep", "600"]) as child:
        process = identify(child.pid)
        assert process is not None
        yield process
        child.kill()


def record(name: str, running: Process, directory: Path) -> None:
    """Write the record of a board that is up, as far as it tells."""
    state.board_directory(name).mkdir(parents=True)
    state.save(
        state.BoardInfo(
            name=name,
            architecture="aarch64",
            mode=state.Mode.USERLAND,
            reason="",
            host="127.0.0.1",
            port=1,
            user="someone",
            identity=directory / "key",
            known_hosts=directory / "known_hosts",
            rootfs=directory,
            home=None,
            processes=(running,),
        )
    )


def device(*words: str, directory: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "edgekit", "device", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=directory)


def test_the_one_board_that_is_up_needs_no_name(running: Process, tmp_path: Path) -> None:
    record("jetson-nano", running, tmp_path)
    assert only_board().name == "jetson-nano"


def test_among_several_boards_none_is_guessed(running: Process, tmp_path: Path) -> None:
    record("rpi3", running, tmp_path)
    record("rpi4", running, tmp_path)
    with (
        pytest.raises(BoardNotRunningError, match=r"(?s)not clear which.*rpi3, rpi4.*--target") as caught,
        connected(DeviceChoice(emulated=True), progress=lambda _stage, _share: None),
    ):
        pass
    assert caught.value.exit_code == 5
    for verb in ("down", "ssh"):
        done = device(verb, directory=tmp_path)
        assert (done.returncode, "not clear which" in done.stderr) == (5, True), verb
    assert {board.name for board in map(state.load, state.names()) if board is not None} == {"rpi3", "rpi4"}


def test_taking_down_what_is_not_up_says_so_and_is_no_failure(tmp_path: Path) -> None:
    assert device("down", directory=tmp_path).stdout == "nothing was up\n"
    assert device("down", "--target", "rp4", directory=tmp_path).stdout == "rp4 was not up\n"
    done = device("down", "--all", "--json", directory=tmp_path)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"stopped": []})


def test_entering_where_no_board_is_up_says_how_to_start_one(tmp_path: Path) -> None:
    done = device("ssh", directory=tmp_path)
    assert done.returncode == 5
    assert "No emulated board is up." in done.stderr
    assert "edgekit device up --target" in done.stderr


def test_a_project_says_which_board_comes_up(tmp_path: Path) -> None:
    (tmp_path / "edgekit.toml").write_text('target = "host"\nmodel = "model.tflite"\n')
    done = device("up", directory=tmp_path)
    assert done.returncode == 2
    assert "Target 'host' has no emulated board." in done.stderr

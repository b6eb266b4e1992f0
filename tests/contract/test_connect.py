"""Which device a choice leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgekit.devices.choice import DeviceChoice
from edgekit.devices.local import LocalDevice
from edgekit.errors import BoardNotRunningError, NotEmulatedError
from edgekit.verbs.connect import connected, target_of

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.artifacts import Bundle
    from tests.contract.board_server import BoardServer


def silent(stage: str, share: float | None) -> None:
    """Progress that nobody watches."""


def test_a_host_is_reached_over_ssh(board: BoardServer, identity: Path) -> None:
    choice = DeviceChoice(
        host="127.0.0.1", user="pi", port=board.port, identity=identity, accept_new_host_key=True
    )
    with connected(choice, progress=silent) as device:
        assert device.name == f"pi@127.0.0.1:{board.port}"
        assert device.run("echo", "here").stdout == b"here\n"


def test_nothing_chosen_is_this_machine_if_it_can_run_the_bundle(good: Bundle) -> None:
    with connected(DeviceChoice(), [good], progress=silent) as device:
        assert isinstance(device, LocalDevice)


def test_nothing_chosen_and_no_bundle_is_this_machine() -> None:
    with connected(DeviceChoice(), progress=silent) as device:
        assert isinstance(device, LocalDevice)


def test_a_bundle_for_this_machine_has_no_emulated_board(good: Bundle) -> None:
    with (
        pytest.raises(NotEmulatedError, match="has no emulated board"),
        connected(DeviceChoice(emulated=True), [good], progress=silent),
    ):
        pass


def test_emulation_without_a_bundle_wants_a_board_that_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with (
        pytest.raises(
            BoardNotRunningError, match=r"(?s)No emulated board is up.*edgekit device up"
        ) as caught,
        connected(DeviceChoice(emulated=True), progress=silent),
    ):
        pass
    assert caught.value.exit_code == 5


def test_a_bundle_knows_the_target_it_was_built_for(good: Bundle) -> None:
    target = target_of(good)
    assert target.name == "host"
    assert target.architecture == good.manifest["target"]["architecture"]
    assert target.features == tuple(good.manifest["target"]["features"])

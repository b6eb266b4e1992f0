"""Deploys that are cut short at every phase: the old release serves, and the next deploy cleans up."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgekit.deploy.errors import DeployLockedError
from edgekit.errors import ConnectionLostError, DeviceDiskFullError, DeviceRefusedError, EdgeKitError
from tests.contract.releases import FOLDER, assert_tidy, deploy_quietly, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.artifacts import Bundle
    from edgekit.devices.ssh import SshDevice
    from tests.contract.board_server import BoardServer

    Reach = Callable[[BoardServer], SshDevice]

# A part of the command that belongs to each phase, in their order.
BEFORE_THE_SWITCH = {
    "probing": "/proc/cpuinfo",
    "locking": "echo locked",
    "listing": "@@ space",
    "preparing": "rm -rf staging-",
    "checking digests": "shift && sha256sum",
    "checking outputs": "/edgekit-runner check .local/share/edgekit/tiny/staging-",
    "placing": 'mv "$2" "releases/$3"',
}
SWITCHING = {
    "switching": 'echo "serving',
    "checking outputs in place": "/edgekit-runner check .local/share/edgekit/tiny/current/",
}


def commands(phase: str) -> str:
    return {**BEFORE_THE_SWITCH, **SWITCHING}[phase]


def deploy_over(board: BoardServer, reach: Reach, bundle: Bundle, *, keep: int = 3) -> str:
    with reach(board) as device:
        return deploy_quietly(bundle, device, keep=keep).release.id


def lose_the_link(board: BoardServer, reach: Reach, bundle: Bundle, *, keep: int = 3) -> ConnectionLostError:
    """A deploy that loses its connection; returns once the board has come to rest."""
    with pytest.raises(ConnectionLostError, match=r"The connection to .* was lost while") as caught:
        deploy_over(board, reach, bundle, keep=keep)
    board.settle()
    assert caught.value.exit_code == 5
    board.faults = type(board.faults)()
    return caught.value


def assert_the_next_deploy_is_clean(board: BoardServer, reach: Reach, bundle: Bundle) -> None:
    newest = deploy_over(board, reach, bundle)
    board.settle()
    assert serving(board.home) == newest
    assert_tidy(board.home)


@pytest.mark.parametrize("moment", ["drop_before", "drop_during"])
@pytest.mark.parametrize("phase", [*BEFORE_THE_SWITCH, *SWITCHING])
def test_a_link_lost_at_any_phase_leaves_the_old_release_serving(
    board: BoardServer, reach: Reach, good: Bundle, phase: str, moment: str
) -> None:
    old = deploy_over(board, reach, good)
    setattr(board.faults, moment, commands(phase))
    error = lose_the_link(board, reach, good)
    assert serving(board.home) == old
    if phase not in ("probing", "locking", "listing"):
        assert f"{old} s" in error.why  # serves, still serves, serves again
    assert_the_next_deploy_is_clean(board, reach, good)


@pytest.mark.parametrize("phase", ["checking digests", "switching", "checking outputs in place"])
def test_a_link_lost_in_the_first_deploy_leaves_nothing_serving(
    board: BoardServer, reach: Reach, good: Bundle, phase: str
) -> None:
    board.faults.drop_during = commands(phase)
    error = lose_the_link(board, reach, good)
    assert "othing serves" in error.why
    assert serving(board.home) is None
    assert_the_next_deploy_is_clean(board, reach, good)


@pytest.mark.parametrize("share", [0.0, 0.4, 0.999])
def test_a_link_lost_in_the_middle_of_the_upload_leaves_the_old_release_serving(
    board: BoardServer, reach: Reach, good: Bundle, share: float
) -> None:
    old = deploy_over(board, reach, good)
    size = board.written_bytes
    board.faults.drop_after_bytes = size + int(size * share)
    error = lose_the_link(board, reach, good)
    assert f"{old} still serves. The next deploy removes what was sent." in error.why
    assert serving(board.home) == old
    assert_the_next_deploy_is_clean(board, reach, good)


def test_a_link_lost_before_the_word_keep_arrives_brings_the_old_release_back(
    board: BoardServer, reach: Reach, good: Bundle
) -> None:
    old = deploy_over(board, reach, good)
    board.faults.drop_at_answer = "keep"
    error = lose_the_link(board, reach, good)
    assert "`edgekit status` says whether" in error.why
    assert serving(board.home) == old
    assert_the_next_deploy_is_clean(board, reach, good)


def test_a_link_lost_after_the_word_keep_leaves_the_new_release_serving(
    board: BoardServer, reach: Reach, good: Bundle
) -> None:
    old = deploy_over(board, reach, good)
    board.faults.drop_at_answer, board.faults.answer_arrives = "keep", True
    error = lose_the_link(board, reach, good)
    new = serving(board.home)
    assert new not in (None, old)
    assert f"whether {new} serves" in error.why
    assert_the_next_deploy_is_clean(board, reach, good)


@pytest.mark.parametrize("moment", ["drop_before", "drop_during"])
def test_a_link_lost_while_old_releases_are_removed_says_that_the_new_one_serves(
    board: BoardServer, reach: Reach, good: Bundle, moment: str
) -> None:
    deploy_over(board, reach, good, keep=1)
    setattr(board.faults, moment, "staging-removed-")
    error = lose_the_link(board, reach, good, keep=1)
    assert f"{serving(board.home)} serves; only old releases are left over" in error.why
    assert_the_next_deploy_is_clean(board, reach, good)


def test_a_link_lost_while_the_lock_is_held_frees_it_at_once(
    board: BoardServer, reach: Reach, good: Bundle
) -> None:
    board.faults.drop_before = commands("checking digests")
    lose_the_link(board, reach, good)
    assert not (board.home / FOLDER / "lock").is_symlink()


def test_a_lock_whose_holder_was_killed_is_taken_over(board: BoardServer, reach: Reach, good: Bundle) -> None:
    deploy_over(board, reach, good)
    lock = board.home / FOLDER / "lock"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    lock.symlink_to(f"{boot}:1:0 ann@laptop at some time")  # process 1 lives, but started at another time
    assert_the_next_deploy_is_clean(board, reach, good)


def test_a_lock_of_before_the_board_was_restarted_is_taken_over(
    board: BoardServer, reach: Reach, good: Bundle
) -> None:
    deploy_over(board, reach, good)
    (board.home / FOLDER / "lock").symlink_to("another-boot:1:1 ann@laptop at some time")
    assert_the_next_deploy_is_clean(board, reach, good)


def test_of_two_deploys_at_once_the_second_is_refused_and_told_who_is_at_it(
    board: BoardServer, reach: Reach, good: Bundle
) -> None:
    board.faults.pause_at = "shift && sha256sum"
    first: list[str] = []
    thread = threading.Thread(target=lambda: first.append(deploy_over(board, reach, good)))
    thread.start()
    assert board.faults.arrived.wait(timeout=30)
    with pytest.raises(DeployLockedError, match=r"(?s)under way.*started by .+@.+ at 20\d\d-") as caught:
        deploy_over(board, reach, good)
    assert caught.value.exit_code == 5
    board.faults.go.set()
    thread.join()
    board.settle()
    assert serving(board.home) == first[0]
    assert_tidy(board.home)


def test_a_quota_that_is_reached_while_uploading_leaves_the_old_release_serving(
    board: BoardServer, reach: Reach, good: Bundle
) -> None:
    old = deploy_over(board, reach, good)
    board.faults.quota_bytes = board.written_bytes + 50_000
    # SFTP gives no reason, so the file is sent once more through `cat`, which here is over the quota too.
    programs = board.home / "programs"
    programs.mkdir()
    (programs / "cat").write_text("#!/bin/sh\necho 'cat: write error: Disk quota exceeded' >&2\nexit 1\n")
    (programs / "cat").chmod(0o755)
    board.path = f"{programs}:{board.path}"
    with pytest.raises(DeviceDiskFullError, match=r"(?s)is full.*quota exceeded") as caught:
        deploy_over(board, reach, good)
    assert caught.value.exit_code == 5
    board.settle()
    (programs / "cat").unlink()
    board.faults.quota_bytes = None
    assert serving(board.home) == old
    assert_tidy(board.home)  # the link was there, so the failed deploy cleaned up itself
    assert_the_next_deploy_is_clean(board, reach, good)


def test_a_server_that_refuses_a_session_says_so(board: BoardServer, reach: Reach, good: Bundle) -> None:
    with reach(board) as device:
        board.faults.allows_sessions = False
        with pytest.raises(DeviceRefusedError, match="refused a session") as caught:
            deploy_quietly(good, device)
    assert caught.value.exit_code == 5


def test_every_failure_of_a_deploy_is_one_of_ours(board: BoardServer, reach: Reach, good: Bundle) -> None:
    """Cut at each command that a deploy sends, whichever it is: no other exception ever comes out."""
    deploy_over(board, reach, good)
    sent = list(board.commands)
    for number in range(0, len(sent), 2):
        board.faults.drop_before = sent[number][-60:] if "staging-" not in sent[number] else "staging-"
        with pytest.raises(EdgeKitError):
            deploy_over(board, reach, good)
        board.settle()
        board.faults.drop_before = None
        assert serving(board.home) is not None
    assert_the_next_deploy_is_clean(board, reach, good)

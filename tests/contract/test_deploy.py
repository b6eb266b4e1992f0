"""Deploying, going back and looking, on every kind of device."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgekit.deploy import deploy, rollback, status
from edgekit.deploy.errors import (
    AlteredInTransitError,
    FailedReleaseError,
    RolledBackError,
)
from edgekit.devices.local import LocalDevice
from edgekit.devices.ssh import connect
from edgekit.errors import (
    BundleWrongDeviceError,
    ConnectionLostError,
    DeviceDiskFullError,
    DeviceRefusedError,
    OutputsDifferError,
    RemoteToolMissingError,
    RunnerFailedError,
)
from tests.contract.conftest import board_address, openssh_address
from tests.contract.openssh import tool
from tests.contract.releases import FOLDER, MODEL, assert_tidy, deploy_quietly, serving, with_runner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgekit.artifacts import Bundle
    from edgekit.devices.device import Completed, Device
    from edgekit.devices.ssh import SshDevice
    from tests.contract.board_server import BoardServer
    from tests.contract.openssh import OpenSshServer

    Reach = Callable[[BoardServer], SshDevice]


# ----------------------------------------------------------------------------------- deploy


def test_a_release_serves_on_every_kind_of_device(device: Device, good: Bundle, tmp_path: Path) -> None:
    root = str(tmp_path / "where releases go")
    stages: list[str] = []
    done = deploy(good, device, root=root, progress=lambda stage, _share: stages.append(stage))
    assert done.release.golden_frames == 100
    assert done.release.previous is None
    assert done.current == f"{root}/{MODEL}/current"
    (state,) = status(device, root=root)
    assert (state.model, state.current, state.is_intact) == (MODEL, done.release.id, True)
    assert list(dict.fromkeys(stages)) == [
        "looking at the device",
        "uploading",
        "checking digests on the device",
        "checking outputs on the device",
        "switching",
        "removing old releases",
    ]


def test_the_newest_releases_are_kept_and_the_others_removed(
    here: LocalDevice, home: Path, good: Bundle
) -> None:
    ids = [deploy_quietly(good, here, keep=2).release.id for _ in range(4)]
    assert ids == sorted(ids)
    assert serving(home) == ids[-1]
    (state,) = status(here)
    assert [release.id for release in state.releases] == ids[-2:]
    assert_tidy(home)


def test_what_a_device_does_not_need_is_not_sent(here: LocalDevice, home: Path, good: Bundle) -> None:
    deploy_quietly(good, here)
    names = {path.name for path in (home / FOLDER / "current").resolve().iterdir()}
    assert names == {
        "manifest.json",
        "libtiny.so",
        "edgekit-runner",
        "edgekit.h",
        "edgekit_model.py",
        "golden-inputs.bin",
        "golden-outputs.bin",
        "deployment.json",
    }


def test_wrong_outputs_on_the_device_stop_the_deploy_before_the_switch(
    here: LocalDevice, home: Path, good: Bundle, wrong: Bundle
) -> None:
    old = deploy_quietly(good, here).release.id
    with pytest.raises(OutputsDifferError, match=r"element 5 of output 0 in frame 0") as caught:
        deploy_quietly(wrong, here)
    assert caught.value.exit_code == 3
    assert f"{old} still serves" in caught.value.why
    assert serving(home) == old
    assert_tidy(home)


def test_a_model_that_crashes_stops_the_deploy_before_the_switch(
    here: LocalDevice, home: Path, good: Bundle, crashing: Bundle
) -> None:
    old = deploy_quietly(good, here).release.id
    with pytest.raises(RunnerFailedError, match="signal 6") as caught:
        deploy_quietly(crashing, here)
    assert caught.value.exit_code == 5
    assert serving(home) == old
    assert_tidy(home)


def test_a_runner_that_is_killed_stops_the_deploy_before_the_switch(
    device: Device, good: Bundle, tmp_path: Path
) -> None:
    killed = with_runner(good, tmp_path, "kill -KILL $$")
    root = str(tmp_path / "root")
    old = deploy(good, device, root=root, progress=lambda _stage, _share: None).release.id
    with pytest.raises(RunnerFailedError, match="signal 9") as caught:
        deploy(killed, device, root=root, progress=lambda _stage, _share: None)
    assert caught.value.exit_code == 5
    (state,) = status(device, root=root)
    assert (state.current, len(state.releases)) == (old, 1)


def test_an_instruction_that_the_device_lacks_is_told_as_the_wrong_cpu(
    here: LocalDevice, home: Path, good: Bundle, tmp_path: Path
) -> None:
    foreign = with_runner(good, tmp_path, "kill -ILL $$")
    with pytest.raises(BundleWrongDeviceError, match=r"(?s)another CPU than that of this machine.*signal 4"):
        deploy_quietly(foreign, here)
    assert serving(home) is None


def test_a_runner_that_is_killed_after_the_switch_brings_the_old_release_back(
    device: Device, good: Bundle, tmp_path: Path
) -> None:
    script = 'case $0 in */current/*) kill -KILL $$ ;; esac\nreal "$@"'
    dying = with_runner(good, tmp_path, script)
    root = str(tmp_path / "root")
    old = deploy(good, device, root=root, progress=lambda _stage, _share: None).release.id
    with pytest.raises(RolledBackError, match=r"(?s)was taken back: .* serves.*signal 9") as caught:
        deploy(dying, device, root=root, progress=lambda _stage, _share: None)
    assert caught.value.exit_code == 6
    (state,) = status(device, root=root)
    assert (state.current, state.is_intact) == (old, True)
    assert ["signal 9" in (release.failed or "") for release in state.releases] == [False, True]
    with pytest.raises(FailedReleaseError, match="signal 9"):
        rollback(MODEL, device, root=root, to=state.releases[1].id, progress=lambda _stage, _share: None)
    newest = deploy(good, device, root=root, progress=lambda _stage, _share: None)
    assert newest.removed == (state.releases[1].id,)


def test_a_first_release_that_fails_in_its_place_leaves_nothing_serving(
    here: LocalDevice, home: Path, good: Bundle, tmp_path: Path
) -> None:
    dying = with_runner(good, tmp_path, 'case $0 in */current/*) exit 1 ;; esac\nreal "$@"')
    with pytest.raises(RolledBackError, match="nothing serves, as before"):
        deploy_quietly(dying, here)
    assert serving(home) is None


def test_a_release_that_fails_and_cannot_be_taken_back_is_not_said_to_be(
    here: LocalDevice, home: Path, good: Bundle, tmp_path: Path
) -> None:
    script = 'case $0 in */current/*) link=${0%/*}; rm $link; mkdir $link; exit 1 ;; esac\nreal "$@"'
    stubborn = with_runner(good, tmp_path, script)
    deploy_quietly(good, here)
    with pytest.raises(DeviceRefusedError, match=r"(?s)did not take back .*, which failed.*edgekit status"):
        deploy_quietly(stubborn, here)
    assert not (home / FOLDER / "current").is_symlink()
    (state,) = status(here)
    assert [release.failed is not None for release in state.releases] == [False, True]


def test_a_release_is_not_said_to_serve_unless_the_device_says_so(
    home: Path, good: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, killed = LocalDevice(home), []
    run = here.run

    def killing(*argv: str, timeout_seconds: float | None = 60.0) -> Completed:
        if "/current/" in argv[0]:
            (shell,) = _children_running('echo "serving')
            os.kill(shell, signal.SIGKILL)
            killed.append(shell)
        return run(*argv, timeout_seconds=timeout_seconds)

    monkeypatch.setattr(here, "run", killing)
    with pytest.raises(
        DeviceRefusedError, match=r"(?s)did not keep release .* ended with 137.*edgekit status"
    ):
        deploy_quietly(good, here)
    assert len(killed) == 1


def _children_running(words: str) -> list[int]:
    """Children of this process with these words in their command line."""
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    return [int(child) for child in children if words.encode() in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_a_file_that_the_device_changes_is_found(here: LocalDevice, home: Path, good: Bundle) -> None:
    class WornCard(LocalDevice):
        def put(self, local: Path, remote: str, *, mode: int = 0o644) -> None:
            super().put(local, remote, mode=mode)
            if remote.endswith("libtiny.so"):
                content = bytearray((home / remote).read_bytes())
                content[1000] ^= 1
                (home / remote).write_bytes(content)

    old = deploy_quietly(good, here).release.id
    with pytest.raises(AlteredInTransitError, match=r"wrong there for libtiny\.so\.") as caught:
        deploy_quietly(good, WornCard(home))
    assert caught.value.exit_code == 5
    assert serving(home) == old
    assert_tidy(home)


def test_a_bundle_for_another_cpu_is_refused_before_anything_is_sent(
    here: LocalDevice, home: Path, good: Bundle
) -> None:
    target = {**good.manifest["target"], "architecture": "riscv64"}
    foreign = dataclasses.replace(good, manifest={**good.manifest, "target": target})
    with pytest.raises(
        BundleWrongDeviceError, match=r"It is for riscv64; the device's programs are"
    ) as caught:
        deploy_quietly(foreign, here)
    assert caught.value.exit_code == 5
    assert list(home.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error_of_the_device(
    here: LocalDevice, home: Path, good: Bundle
) -> None:
    (home / ".local").write_text("a file where a folder should be")
    with pytest.raises(DeviceRefusedError, match=r"(?s)cannot use the folder.*(Not a directory|File exists)"):
        deploy_quietly(good, here)


def test_a_device_without_sha256sum_is_told_what_it_lacks(
    board: BoardServer, reach: Reach, good: Bundle, tmp_path: Path
) -> None:
    board.path = str(programs_without("sha256sum", tmp_path / "programs"))
    with (
        reach(board) as device,
        pytest.raises(RemoteToolMissingError, match=r"(?s)sha256sum.*not found") as caught,
    ):
        deploy_quietly(good, device)
    assert caught.value.exit_code == 5


def programs_without(name: str, folder: Path) -> Path:
    """A PATH that leads to every usual program but one."""
    folder.mkdir()
    for directory in (Path("/bin"), Path("/usr/bin")):
        for program in directory.iterdir():
            if program.name != name and not (folder / program.name).exists():
                (folder / program.name).symlink_to(program)
    return folder


def test_a_board_with_busybox_only_is_deployed_to_and_taken_back(
    board: BoardServer, reach: Reach, good: Bundle, tmp_path: Path
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    subprocess.run([tool("busybox"), "--install", "-s", programs], check=True, capture_output=True)
    board.path = str(programs)
    with reach(board) as device:
        old = deploy_quietly(good, device).release.id
        deploy_quietly(good, device)
        assert rollback(MODEL, device, progress=lambda _stage, _share: None).release.id == old
        (state,) = status(device)
    assert (state.current, state.is_intact) == (old, True)
    assert serving(board.home) == old
    assert_tidy(board.home)


# ------------------------------------------------------------------------- a cut connection


@pytest.mark.parametrize(
    "phase",
    ["uploading", "checking digests on the device", "checking outputs on the device", "switching"],
)
def test_a_connection_to_openssh_that_is_cut_leaves_the_old_release_serving(
    sshd: OpenSshServer, tmp_path: Path, good: Bundle, phase: str
) -> None:
    address, root = openssh_address(sshd, tmp_path), str(tmp_path / "root")

    def cut_at_the_phase(stage: str, share: float | None) -> None:
        if stage == phase and share != 0.0:
            sshd.cut_connections()

    with connect(address) as device:
        old = deploy(good, device, root=root, progress=lambda _stage, _share: None).release.id
    with connect(address) as device, pytest.raises(ConnectionLostError, match=f"{old} .*serves"):
        deploy(good, device, root=root, progress=cut_at_the_phase)
    with connect(address) as device:
        (state,) = status(device, root=root)
        assert (state.current, state.is_intact) == (old, True)
        newest = deploy(good, device, root=root, progress=lambda _stage, _share: None).release.id
        (state,) = status(device, root=root)
    assert (state.current, state.is_intact) == (newest, True)
    assert sorted(path.name for path in (tmp_path / "root" / MODEL).iterdir() if path.name != "lock") == [
        "current",
        "releases",
    ]


# ------------------------------------------------------------------------------ a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB. Only root can make one."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk; the quota of the other server is tested by everyone")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "small", folder], check=True)
    (folder / "filler").touch()  # on a full disk it could not be made
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(disk: Path) -> Path:
    """Use up the disk; emptying the file frees it."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


def test_a_disk_too_small_is_seen_before_the_upload(small_disk: Path, good: Bundle) -> None:
    device = LocalDevice(small_disk)
    old = deploy_quietly(good, device).release.id
    filler = fill(small_disk)
    os.truncate(filler, filler.stat().st_size - 200_000)
    with pytest.raises(DeviceDiskFullError, match=r"(?s)too full.*KiB and \d+ KiB are free") as caught:
        deploy_quietly(good, device)
    assert caught.value.exit_code == 5
    assert serving(small_disk) == old
    os.truncate(filler, 0)
    deploy_quietly(good, device)
    assert_tidy(small_disk)


@pytest.mark.parametrize("phase", ["uploading", "checking outputs on the device"])
def test_a_disk_that_fills_up_on_the_way_leaves_the_old_release_serving(
    small_disk: Path, board: BoardServer, identity: Path, tmp_path: Path, good: Bundle, phase: str
) -> None:
    board.home = small_disk
    filled = False

    def fill_at_the_phase(stage: str, share: float | None) -> None:
        nonlocal filled
        if stage == phase and share != 0.0 and not filled:
            filled = True
            fill(small_disk)

    with connect(board_address(board, tmp_path, identity)) as device:
        old = deploy_quietly(good, device).release.id
        with pytest.raises(DeviceDiskFullError, match=f"(?s)No space left.*{old} still serves") as caught:
            deploy(good, device, progress=fill_at_the_phase)
        assert caught.value.exit_code == 5
        assert serving(small_disk) == old
        os.truncate(small_disk / "filler", 0)
        deploy_quietly(good, device)
    assert_tidy(small_disk)


# ---------------------------------------------------------------------------------- killed


def test_a_deploy_that_is_killed_leaves_the_old_release_serving_and_no_lock(
    board: BoardServer, reach: Reach, identity: Path, tmp_path: Path, good: Bundle
) -> None:
    with reach(board) as device:
        old = deploy_quietly(good, device).release.id
    address = board_address(board, tmp_path, identity)
    board.faults.pause_at = "shift && sha256sum"
    code = (
        "import pathlib, sys\n"
        "from edgekit.devices.ssh import SshAddress, connect\n"
        "from edgekit.package import read_bundle\n"
        "from tests.contract.releases import deploy_quietly\n"
        "port, identity, known, bundle = sys.argv[1:]\n"
        "paths = {'identity': pathlib.Path(identity), 'known_hosts': pathlib.Path(known)}\n"
        "with connect(SshAddress(host='127.0.0.1', port=int(port), **paths)) as device:\n"
        "    deploy_quietly(read_bundle(pathlib.Path(bundle)), device)\n"
    )
    arguments = [str(board.port), str(identity), str(address.known_hosts), str(good.path)]
    process = subprocess.Popen([sys.executable, "-c", code, *arguments])
    assert board.faults.arrived.wait(timeout=60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    board.faults.go.set()
    board.faults.pause_at = None
    board.settle()
    assert serving(board.home) == old
    with reach(board) as device:
        deploy_quietly(good, device)
    board.settle()
    assert_tidy(board.home)


def test_an_interrupt_after_the_switch_brings_the_old_release_back(
    here: LocalDevice, home: Path, good: Bundle
) -> None:
    class Interrupted(LocalDevice):
        def run(self, *argv: str, stdin: bytes = b"", timeout_seconds: float | None = 60.0) -> Completed:
            if "/current/" in argv[0]:
                raise KeyboardInterrupt
            return super().run(*argv, stdin=stdin, timeout_seconds=timeout_seconds)

    old = deploy_quietly(good, here).release.id
    with pytest.raises(KeyboardInterrupt):
        deploy_quietly(good, Interrupted(home))
    assert serving(home) == old
    deploy_quietly(good, here)
    assert_tidy(home)

"""Where the kernel forbids the userland emulation, the board is a whole emulated machine, unasked."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from edgekit.devices.emulated.board import Mode, board_down, board_info, board_up
from edgekit.devices.emulated.tools import find_tool
from edgekit.errors import EmulatorFailedError, NoEmulationError, ToolMissingError
from edgekit.target import load_target
from edgekit.verbs.device import device_ssh_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.emulator

BOARD = "rpi-zero-2w"  # no other test's


def in_a_place_without_user_namespaces(*argv: str) -> list[str]:
    """A command line whose program, as with a hardened kernel, may make no user namespace."""
    forbid = "echo 0 > /proc/sys/user/max_user_namespaces"
    return ["unshare", "--user", "--map-root-user", "sh", "-c", f"{forbid} && exec {shlex.join(argv)}"]


def edgekit_without_user_namespaces(*argv: str) -> subprocess.CompletedProcess[str]:
    command = in_a_place_without_user_namespaces(sys.executable, "-m", "edgekit", *argv)
    return subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)


@pytest.fixture(scope="module")
def fallen_back(boards_home: None) -> Iterator[dict[str, str]]:
    """What `edgekit device up --json` said where it had to fall back."""
    try:
        find_tool("qemu-system-aarch64")
    except ToolMissingError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    done = edgekit_without_user_namespaces("device", "up", "--target", BOARD, "--json")
    assert done.returncode == 0, done.stderr
    yield json.loads(done.stdout)
    board_down(BOARD)


def ssh(command: str) -> subprocess.CompletedProcess[str]:
    argv = device_ssh_command(BOARD, (command,))
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)


def test_the_fallback_is_chosen_by_itself_and_says_why(fallen_back: dict[str, str]) -> None:
    assert fallen_back["mode"] == "system"
    assert "user namespace" in fallen_back["reason"]


def test_the_emulated_machine_has_a_kernel_and_a_cpu_of_its_own(fallen_back: dict[str, str]) -> None:
    seen = ssh("uname -m; hostname; id -u; nproc; cat /proc/cpuinfo /proc/device-tree/model").stdout
    assert seen.splitlines()[:4] == ["aarch64", BOARD, "1000", "4"]
    assert "CPU part\t: 0xd03" in seen  # Cortex-A53
    assert seen.rstrip("\0").endswith("(emulated)")


def test_exit_codes_and_files_pass_as_on_any_board(fallen_back: dict[str, str], tmp_path: Path) -> None:
    assert ssh("exit 7").returncode == 7
    sent, received = tmp_path / "sent", tmp_path / "received"
    sent.write_bytes(os.urandom(300_000))
    board = board_info(BOARD)
    subprocess.run(["scp", *board.ssh_options(), sent, f"{board.host}:there"], check=True, timeout=120)
    subprocess.run(["scp", *board.ssh_options(), f"{board.host}:there", received], check=True, timeout=120)
    assert received.read_bytes() == sent.read_bytes()


def test_the_board_keeps_its_files_when_its_power_is_cut(fallen_back: dict[str, str]) -> None:
    assert ssh("echo kept > note").returncode == 0
    assert board_down(BOARD)
    again = board_up(load_target(BOARD), mode=Mode.SYSTEM, progress=lambda stage, fraction: None)
    assert again.mode is Mode.SYSTEM
    assert ssh("cat note").stdout == "kept\n"


# Plays a kernel before 6.7 in a namespace of its own, where it may register QEMU "for the whole machine".
OLDER_KERNEL = """
import shutil
from edgekit.devices.emulated import namespace, state, userland
from edgekit.devices.emulated.rootfs import userland as root_filesystem
from edgekit.target import load_target

target = load_target("rpi3")
directory = state.board_directory("rpi3")
machine = userland._machine(target, root_filesystem("arm64", lambda *_: None), directory)
shutil.copyfile(namespace.__file__, directory / "namespace.py")
machine = machine._replace(private_binfmt=False)
print("unregistered:", userland._try(machine, directory / "machine.json"))
print("note:", userland._register_for_all(machine))
print("again:", repr(userland._register_for_all(machine)))
keeper = userland._try(machine, directory / "machine.json")
print("registered:", type(keeper).__name__)
keeper.stop()
"""


def test_on_older_kernels_a_registration_with_the_machine_serves_as_well(boards_home: None) -> None:
    # An empty one first, so that what is registered with this very machine does not show through.
    empty = "mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc"
    script = f"{empty} && exec {shlex.join([sys.executable, '-c', OLDER_KERNEL])}"
    command = ["unshare", "--user", "--mount", "--map-root-user", "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    unregistered, note, again, registered = done.stdout.splitlines()
    assert "an ARM program does not start" in unregistered
    assert note == "note: , registered there as edgekit-aarch64 until the next boot"
    assert again == "again: ''"
    assert registered == "registered: Process"


def test_asking_for_the_userland_emulation_alone_fails_with_both_reasons(boards_home: None) -> None:
    done = edgekit_without_user_namespaces("device", "up", "--target", "rock5b", "--userland", "--json")
    assert done.returncode == 5
    error = json.loads(done.stdout)["error"]
    assert error["class"] == NoEmulationError.__name__
    assert error["why"].count("user namespace") == 2
    assert "--system" in error["fix"]


def test_a_machine_that_cannot_boot_is_reported(boards_home: None) -> None:
    impossible = dataclasses.replace(load_target("rpi3"), emulated_cpu="pentium")
    with pytest.raises(EmulatorFailedError, match="Starting QEMU failed"):
        board_up(impossible, mode=Mode.SYSTEM, progress=lambda stage, fraction: None)

"""The emulated board is a Linux machine behind a real SSH server: the real clients prove it."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import edgekit
from edgekit.devices.emulated import emulated_device
from edgekit.devices.emulated.board import BoardInfo, board_down, board_info, board_status, board_up
from edgekit.devices.emulated.processes import Process, identify
from edgekit.devices.emulated.state import load, save
from edgekit.devices.probe import probe
from edgekit.errors import BoardNotRunningError, NotEmulatedError
from edgekit.target import load_target
from edgekit.verbs.device import device_ssh_command

pytestmark = pytest.mark.emulator


def ssh(board: BoardInfo, command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    argv = device_ssh_command(board.name, (command,))
    return subprocess.run(argv, input=stdin, capture_output=True, timeout=60, check=False)


def up(name: str) -> BoardInfo:
    return board_up(load_target(name), progress=lambda stage, fraction: None)


def test_an_arm64_board_says_that_it_is_one(board: BoardInfo) -> None:
    assert ssh(board, "uname -m").stdout == b"aarch64\n"


def test_an_armv7_board_says_that_it_is_one(board_armv7: BoardInfo) -> None:
    assert ssh(board_armv7, "uname -m").stdout == b"armv7l\n"


def test_programs_see_the_emulated_cpu_and_not_the_hosts(board: BoardInfo) -> None:
    seen = ssh(
        board, "cat /proc/cpuinfo /sys/devices/system/cpu/possible /sys/firmware/devicetree/base/model"
    )
    text = seen.stdout.decode()
    assert text.count("CPU part\t: 0xd08") == 4
    assert "asimddp" not in text  # the Cortex-A72 has no dot product
    assert "\n0-3\n" in text
    assert text.rstrip("\0").endswith("(emulated)")


def test_no_more_cores_are_usable_than_the_board_has(board: BoardInfo) -> None:
    assert int(ssh(board, "nproc").stdout) == min(4, len(os.sched_getaffinity(0)))


def test_the_user_is_an_ordinary_one_and_the_system_is_read_only(board: BoardInfo) -> None:
    assert ssh(board, "id -u").stdout == b"1000\n"
    assert ssh(board, "touch /usr/bin/new").returncode != 0
    assert not (board.rootfs / "usr/bin/new").exists()


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_a_programs_exit_code_comes_back(board: BoardInfo, code: int) -> None:
    assert ssh(board, f"exit {code}").returncode == code


def test_a_program_killed_by_a_signal_is_reported_as_a_failure(board: BoardInfo) -> None:
    assert ssh(board, "kill -9 $$").returncode == 255
    assert ssh(board, "sh -c 'kill -9 $$'; echo $?").stdout == b"137\n"


def test_input_output_and_error_output_stay_apart(board: BoardInfo) -> None:
    data = bytes(range(256)) * 1000
    done = ssh(board, "cat; echo problem >&2", stdin=data)
    assert (done.stdout, done.stderr) == (data, b"problem\n")


def test_a_session_ends_for_the_client_when_its_program_closes_its_output(board: BoardInfo) -> None:
    assert ssh(board, "sleep 1000 < /dev/null > /dev/null 2>&1 & echo started").stdout == b"started\n"


@pytest.mark.parametrize("program", ["scp", "sftp"])
def test_files_go_there_and_back(board: BoardInfo, tmp_path: Path, program: str) -> None:
    sent, received = tmp_path / "sent", tmp_path / "received"
    sent.write_bytes(os.urandom(300_000))
    options = board.ssh_options()
    if program == "scp":
        subprocess.run(["scp", *options, sent, f"{board.host}:there"], check=True, timeout=60)
        subprocess.run(["scp", *options, f"{board.host}:there", received], check=True, timeout=60)
    else:
        batch = f"put {sent} there\nget there {received}\n".encode()
        subprocess.run(["sftp", *options, "-b", "-", board.host], input=batch, check=True, timeout=60)
    assert received.read_bytes() == sent.read_bytes()


def test_the_board_is_a_device_like_any_other(board: BoardInfo, tmp_path: Path) -> None:
    local = tmp_path / "script"
    local.write_text('#!/bin/sh\necho "$1" on $(uname -m)\n')
    with emulated_device(load_target("rpi4")) as device:
        device.put(local, "script", mode=0o755)
        assert device.run("./script", "it's $HOME").stdout == b"it's $HOME on aarch64\n"


def test_a_probe_knows_an_emulated_board_for_what_it_is(board: BoardInfo) -> None:
    with emulated_device(load_target("rpi4")) as device:
        facts = probe(device)
        assert device.name == "emulated rpi4"
    assert facts.architecture == "aarch64"
    assert facts.model is not None
    assert facts.model.endswith("(emulated)")


def test_files_and_keys_outlive_the_boards_processes(boards_home: None) -> None:
    first = up("rpi3")
    assert ssh(first, "echo kept > note").returncode == 0
    key = first.known_hosts.read_text().split()[1:]
    assert board_down("rpi3")
    second = up("rpi3")
    assert ssh(second, "cat note").stdout == b"kept\n"
    assert second.known_hosts.read_text().split()[1:] == key
    assert board_down("rpi3")


def test_bringing_a_board_up_twice_changes_nothing(board: BoardInfo) -> None:
    assert up("rpi4") == board


def test_boards_that_are_up_are_listed(board: BoardInfo, board_armv7: BoardInfo) -> None:
    assert {board, board_armv7} <= set(board_status())


def test_a_board_does_not_depend_on_the_installation_that_started_it(board: BoardInfo) -> None:
    config = (board.identity.parent / "sshd_config").read_text()
    assert str(Path(edgekit.__file__).parent) not in config
    assert sys.prefix == sys.base_prefix or sys.prefix not in config


def test_taking_a_board_down_kills_what_runs_on_it(boards_home: None, tmp_path: Path) -> None:
    info = up("rpi3")
    ssh(info, "sleep 54321 < /dev/null > /dev/null 2>&1 &")
    assert any(b"54321" in line for line in command_lines())
    assert board_down("rpi3")
    assert not any(b"54321" in line for line in command_lines())
    assert not info.is_up
    assert not board_down("rpi3")
    with pytest.raises(BoardNotRunningError, match="edgekit device up --target rpi3"):
        board_info("rpi3")


def command_lines() -> list[bytes]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes())
        except OSError:  # it ended meanwhile
            continue
    return lines


def test_a_board_whose_processes_are_gone_comes_up_again(boards_home: None) -> None:
    info = up("rpi3")
    info.processes[0].stop()
    assert not info.is_up
    assert ssh_refused(info)
    again = up("rpi3")
    assert again.is_up
    assert ssh(again, "true").returncode == 0
    board_down("rpi3")


def ssh_refused(info: BoardInfo) -> bool:
    argv = ["ssh", *info.ssh_options(), info.host, "true"]
    return subprocess.run(argv, capture_output=True, timeout=60, check=False).returncode == 255


def test_a_record_of_another_process_with_the_same_number_is_not_believed(boards_home: None) -> None:
    info = up("rpi3")
    board_down("rpi3")
    mine = load_process(os.getpid())
    save(dataclasses.replace(info, processes=(mine,)))
    record = load("rpi3")
    assert record is not None
    assert not record.is_up
    assert not board_down("rpi3")


def load_process(pid: int) -> Process:
    real = identify(pid)
    assert real is not None
    return Process(pid=pid, started=real.started - 1, boot=real.boot)


def test_there_is_no_emulated_board_for_this_machines_own_target() -> None:
    with pytest.raises(NotEmulatedError, match="emulated for aarch64 and armv7"):
        up("host")


def run_edgekit(*argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgekit", *argv]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_line_brings_up_shows_enters_and_takes_down(boards_home: None) -> None:
    done = run_edgekit("device", "up", "--target", "rpi3", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["name"], document["architecture"]) == ("rpi3", "aarch64")
    listed = json.loads(run_edgekit("device", "status", "--json").stdout)["boards"]
    assert "rpi3" in [each["name"] for each in listed]
    entered = run_edgekit("device", "ssh", "--target", "rpi3", "--", "uname -m; exit 5")
    assert (entered.stdout, entered.returncode) == ("aarch64\n", 5)
    down = run_edgekit("device", "down", "--target", "rpi3", "--json")
    assert json.loads(down.stdout) == {"stopped": ["rpi3"]}


def test_entering_a_board_that_is_down_says_how_to_start_it(boards_home: None) -> None:
    done = run_edgekit("device", "ssh", "--target", "jetson-nano")
    assert done.returncode == 5
    assert "edgekit device up --target jetson-nano" in done.stderr

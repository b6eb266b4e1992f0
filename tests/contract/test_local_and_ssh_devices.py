"""What every device promises, on each of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from edgekit.devices.probe import probe
from edgekit.errors import CommandTimedOutError, DeviceRefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.devices.device import Device

AWKWARD = 'it\'s "a" $HOME `id` \\ *;&|<>\n\ttab é'


def test_a_program_gives_its_output_and_exit_code(device: Device) -> None:
    done = device.run("sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.exit_code, done.stdout, done.stderr) == (7, b"out\n", b"err\n")


def test_no_shell_changes_an_argument(device: Device) -> None:
    assert device.run("printf", "%s|", AWKWARD, "", "-n").stdout.decode() == f"{AWKWARD}||-n|"


def test_megabytes_through_all_three_streams_do_not_lock_up_and_arrive_unchanged(device: Device) -> None:
    content = os.urandom(3_000_000)
    done = device.run("tee", "/dev/stderr", stdin=content)
    assert done.stdout == content
    assert done.stderr == content


def test_a_program_that_does_not_read_its_input_ends_all_the_same(device: Device) -> None:
    assert device.run("true", stdin=bytes(3_000_000)).exit_code == 0


def test_a_killed_program_has_the_exit_code_of_a_shell(device: Device) -> None:
    assert device.run("sh", "-c", "kill -KILL $$").exit_code == 128 + 9


def test_a_missing_program_has_exit_code_127(device: Device) -> None:
    assert device.run("no-such-program").exit_code == 127


def test_a_program_that_takes_too_long_is_an_error_of_its_own(device: Device) -> None:
    with pytest.raises(CommandTimedOutError, match=r"`sleep` did not end on .*\n.*0\.3 s") as caught:
        device.run("sleep", "2", timeout_seconds=0.3)
    assert caught.value.exit_code == 5


def test_a_file_goes_there_and_back_with_its_mode(device: Device, tmp_path: Path) -> None:
    content = os.urandom(1_000_000)
    (tmp_path / "sent").write_bytes(content)
    remote = f"{tmp_path}/a file's name"
    device.put(tmp_path / "sent", remote, mode=0o750)
    device.get(remote, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content
    assert device.run("stat", "-c", "%a", remote).stdout == b"750\n"


def test_a_file_is_replaced_and_nothing_else_is_left(device: Device, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for content in (b"a longer first", b"second"):
        (tmp_path / "sent").write_bytes(content)
        device.put(tmp_path / "sent", f"{folder}/file")
    assert [path.name for path in folder.iterdir()] == ["file"]
    assert (folder / "file").read_bytes() == b"second"


def test_an_empty_file_is_a_file(device: Device, tmp_path: Path) -> None:
    (tmp_path / "sent").touch()
    device.put(tmp_path / "sent", f"{tmp_path}/there")
    device.get(f"{tmp_path}/there", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b""


def test_writing_where_no_folder_is_names_the_reason(device: Device, tmp_path: Path) -> None:
    (tmp_path / "sent").write_bytes(b"x")
    with pytest.raises(DeviceRefusedError, match=r"(?s)missing/file.*(No such file|nonexistent)") as caught:
        device.put(tmp_path / "sent", f"{tmp_path}/missing/file")
    assert caught.value.exit_code == 5


def test_reading_what_is_not_there_names_the_reason(device: Device, tmp_path: Path) -> None:
    with pytest.raises(DeviceRefusedError, match="No such file"):
        device.get(f"{tmp_path}/missing", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_started_program_is_talked_to_line_by_line(device: Device) -> None:
    script = "echo one; echo two; read -r answer; [ $answer = yes ] && exit 4"
    with device.start("sh", "-c", script) as program:
        assert [program.line(), program.line()] == [b"one", b"two"]
        assert program.answer(b"yes\n") == 4


def test_a_started_program_sees_the_end_of_its_input_when_it_is_left(device: Device, tmp_path: Path) -> None:
    script = f"echo ready; cat >/dev/null; touch {tmp_path}/ended"
    with device.start("sh", "-c", script) as program:
        assert program.line() == b"ready"
        assert not (tmp_path / "ended").exists()
    wait = f"for i in 1 2 3 4 5 6 7 8 9 10; do [ -e {tmp_path}/ended ] && exit 0; sleep 0.2; done; exit 1"
    assert device.run("sh", "-c", wait).exit_code == 0


def test_a_started_program_that_says_nothing_gives_an_empty_line(device: Device) -> None:
    with device.start("true") as program:
        assert program.line() == b""


def test_a_device_says_what_machine_it_is(device: Device) -> None:
    facts = probe(device)
    assert facts.architecture == facts.kernel_architecture == os.uname().machine
    assert facts.cores == len(os.sched_getaffinity(0))
    assert facts.memory_total_kib is not None
    assert facts.memory_total_kib > 100_000

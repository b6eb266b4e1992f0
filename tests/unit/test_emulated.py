"""The emulated board's parts that need neither QEMU nor a network."""

from __future__ import annotations

import dataclasses
import io
import lzma
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.devices.emulated import cpio, namespace, state
from edgekit.devices.emulated.apt import PrivateApt, Release, Repository, ports_uri, select_repositories
from edgekit.devices.emulated.board import board_up
from edgekit.devices.emulated.boot import load_order
from edgekit.devices.emulated.counting import InstructionCounts
from edgekit.devices.emulated.counting_trace import count_trace
from edgekit.devices.emulated.identity import ARCHITECTURES, architecture_of, cpuinfo, write_identity
from edgekit.devices.emulated.processes import identify
from edgekit.devices.emulated.tools import find_tool, run_tool
from edgekit.errors import EmulatorFailedError, NotEmulatedError, ToolMissingError, WrongValueError
from edgekit.target import Target, list_targets, load_target

# --------------------------------------------------------------------------- package sources


def listing(*lines: str) -> str:
    return "\n".join(lines)


BOOKWORM = Release(distribution="debian", codename="bookworm")
NOBLE = Release(distribution="ubuntu", codename="noble")


def test_only_the_releases_own_main_repositories_are_taken_once_each() -> None:
    found = select_repositories(
        listing(
            "http://mirror.example/debian/|bookworm|main|Debian",
            "http://mirror.example/debian/|bookworm|main|Debian",  # once more, for another architecture
            "http://mirror.example/debian/|bookworm|contrib|Debian",
            "http://mirror.example/debian/|bookworm-backports|main|Debian",
            "http://mirror.example/security/|bookworm-security|main|Debian",
            "http://other.example/|bookworm|main|Other Company",
            "http://other.example/|stable|main|Other Company",
        ),
        BOOKWORM,
    )
    assert found == (
        Repository(uri="http://mirror.example/debian/", suite="bookworm", component="main"),
        Repository(uri="http://mirror.example/security/", suite="bookworm-security", component="main"),
    )


def test_an_archive_that_does_not_answer_is_named_before_any_package_is_missed(tmp_path: Path) -> None:
    with socket.socket() as unused:  # bound, and never listening: a connection is refused
        unused.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{unused.getsockname()[1]}/debian"
        nobody = Repository(uri=uri, suite="bookworm", component="main")
        with pytest.raises(EmulatorFailedError) as caught:
            PrivateApt(directory=tmp_path, architecture="arm64").prepare(BOOKWORM, (nobody,))
    assert "list of arm64 packages" in caught.value.what
    assert f"cannot be reached, or has nothing for arm64: {uri}" in caught.value.why
    assert "Could not connect to 127.0.0.1" in caught.value.why  # apt's own words
    assert "network" in caught.value.fix


def test_sources_are_usable_before_their_first_update_when_their_origin_is_unknown() -> None:
    found = select_repositories("http://mirror.example/debian/|bookworm|main|$(ORIGIN)", BOOKWORM)
    assert len(found) == 1


def test_a_machine_without_sources_of_its_release_is_told_so() -> None:
    with pytest.raises(EmulatorFailedError, match="No package source of debian bookworm") as failure:
        select_repositories("http://other.example/|sid|main|Debian", BOOKWORM)
    assert "sources.list" in failure.value.fix


@pytest.mark.parametrize(
    ("uri", "ports"),
    [
        ("http://archive.example.com/ubuntu/", "http://ports.example.com/ubuntu-ports/"),
        ("http://de.archive.example.com/ubuntu", "http://ports.example.com/ubuntu-ports/"),
        ("https://security.example.com/ubuntu/", "https://ports.example.com/ubuntu-ports/"),
        ("http://ports.example.com/ubuntu-ports/", "http://ports.example.com/ubuntu-ports/"),
        ("http://mirror.example.org/all/ubuntu/", "http://mirror.example.org/all/ubuntu/"),
    ],
)
def test_ubuntus_arm_packages_come_from_its_ports_archive(uri: str, ports: str) -> None:
    assert ports_uri(uri, "ubuntu") == ports
    assert ports_uri(uri, "debian") == uri


def test_ubuntus_suites_share_one_ports_archive() -> None:
    found = select_repositories(
        listing(
            "http://archive.example.com/ubuntu/|noble|main|Ubuntu",
            "http://security.example.com/ubuntu/|noble-security|universe|Ubuntu",
        ),
        NOBLE,
    )
    assert {each.uri for each in found} == {"http://ports.example.com/ubuntu-ports/"}


# ------------------------------------------------------------------------------------ identity


@pytest.mark.parametrize(
    "target", [t for t in list_targets() if t.architecture in ARCHITECTURES], ids=lambda t: t.name
)
def test_every_board_has_a_cpuinfo_with_one_entry_a_core(target: Target) -> None:
    text = cpuinfo(target)
    assert text.count("processor\t: ") == target.cores
    assert f"CPU architecture: {8 if target.architecture == 'aarch64' else 7}\n" in text


def test_a_core_without_the_dot_product_does_not_promise_it() -> None:
    assert "asimddp" not in cpuinfo(load_target("rpi4"))
    assert "asimddp" in cpuinfo(load_target("rpi5"))


def test_one_core_is_no_range(tmp_path: Path) -> None:
    target = dataclasses.replace(load_target("rpi4"), cores=1)
    write_identity(tmp_path, target)
    write_identity(tmp_path, target)  # a second start finds the files there
    cpus = tmp_path / "sys/devices/system/cpu"
    assert (cpus / "possible").read_text() == "0\n"
    assert [path.name for path in cpus.glob("cpu*")] == ["cpu0"]


def test_a_misspelt_mode_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_BOARD_MODE", "userlnad")
    with pytest.raises(WrongValueError, match="EDGEKIT_BOARD_MODE is 'userlnad'") as failure:
        board_up(load_target("rpi4"), progress=lambda stage, fraction: None)
    assert failure.value.fix == "Did you mean 'userland'?"


def test_an_x86_target_has_no_board() -> None:
    target = dataclasses.replace(load_target("rpi4"), name="pc", triple="x86_64-linux-gnu")
    with pytest.raises(NotEmulatedError, match="'pc' has no emulated board") as failure:
        architecture_of(target)
    assert "edgekit targets" in failure.value.fix


# --------------------------------------------------------------------------------- binfmt_misc


def test_the_registration_matches_arm_executables_and_nothing_else() -> None:
    line = namespace.registration("ek", 2, 0xB7, "/usr/bin/qemu")
    _, name, kind, offset, magic, mask, interpreter, flags = line.split(":")
    assert (name, kind, offset, interpreter, flags) == ("ek", "M", "", "/usr/bin/qemu", "F")
    pattern, cover = (text.encode().decode("unicode_escape").encode("latin-1") for text in (magic, mask))
    assert len(pattern) == len(cover) == 20

    def matches(header: bytes) -> bool:
        return all((h ^ p) & c == 0 for h, p, c in zip(header, pattern, cover, strict=True))

    def header(elf_class: int, abi: int, kind: int, machine: int) -> bytes:
        return bytes([0x7F, *b"ELF", elf_class, 1, 1, abi, *[0] * 8, kind, 0, machine, 0])

    assert matches(header(2, 0, 2, 0xB7))  # fixed address
    assert matches(header(2, 0, 3, 0xB7))  # position-independent
    assert matches(header(2, 3, 3, 0xB7))  # GNU ABI
    assert not matches(header(1, 0, 3, 0x28))  # 32-bit ARM
    assert not matches(header(2, 0, 3, 0x3E))  # x86-64
    assert not matches(header(2, 0, 1, 0xB7))  # an object file


# ----------------------------------------------------------------------- initial file system


def read_archive(data: bytes) -> dict[str, tuple[int, bytes]]:
    """An independent reader of newc archives."""
    stream = io.BytesIO(data)
    found: dict[str, tuple[int, bytes]] = {}
    while True:
        header = stream.read(110)
        assert header[:6] == b"070701"
        fields = [int(header[at : at + 8], 16) for at in range(6, 110, 8)]
        name = stream.read(fields[11])[:-1].decode()
        stream.seek(-stream.tell() % 4, os.SEEK_CUR)
        content = stream.read(fields[6])
        stream.seek(-stream.tell() % 4, os.SEEK_CUR)
        if name == "TRAILER!!!":
            assert stream.read() == b""
            return found
        found[name] = (fields[1], content)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,9}", fullmatch=True), st.binary(max_size=99), max_size=5))
def test_what_goes_into_an_archive_comes_out_again(files: dict[str, bytes]) -> None:
    packed = cpio.archive(tuple(cpio.file(name, data) for name, data in files.items()))
    assert read_archive(packed) == {name: (stat.S_IFREG | 0o644, data) for name, data in files.items()}


def test_folders_links_and_programs_keep_their_kind() -> None:
    found = read_archive(
        cpio.archive(
            (cpio.directory("bin"), cpio.file("bin/a", b"x", executable=True), cpio.link("bin/b", "a"))
        )
    )
    assert stat.S_ISDIR(found["bin"][0])
    assert found["bin/a"][0] & 0o111
    assert stat.S_ISLNK(found["bin/b"][0])
    assert found["bin/b"][1] == b"a"


def test_kernel_modules_are_loaded_after_what_they_depend_on(tmp_path: Path) -> None:
    def module(name: str, needs: str, compress: bool = False) -> Path:
        data = b"\x7fELF..\0license=GPL\0depends=" + needs.encode() + b"\0name=" + name.encode()
        path = tmp_path / (f"{name}.ko.xz" if compress else f"{name}.ko")
        path.write_bytes(lzma.compress(data) if compress else data)
        return path

    files = {
        "virtio_net": module("virtio_net", "virtio,net-failover"),
        "net_failover": module("net_failover", "failover", compress=True),
        "failover": module("failover", ""),
        "virtio": module("virtio", "virtio_ring"),
        "virtio_ring": module("virtio_ring", ""),
        "unused": module("unused", ""),
    }
    ordered = load_order(("virtio_blk", "virtio_net", "virtio"), files)  # virtio_blk is built in
    assert list(ordered) == ["virtio_ring", "virtio", "failover", "net_failover", "virtio_net"]
    assert ordered["net_failover"].startswith(b"\x7fELF")


# ------------------------------------------------------------------------- processes and state


def test_a_process_is_known_by_more_than_its_number() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = identify(child.pid)
        assert process is not None
        assert process.is_running
        assert not dataclasses.replace(process, started=process.started + 1).is_running
        assert not dataclasses.replace(process, boot="another boot").is_running
        process.stop()
        assert not process.is_running
        process.stop()  # nothing to do
    assert child.returncode == -15


def test_a_process_that_ignores_a_polite_request_is_killed() -> None:
    ignore = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", ignore], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        process = identify(child.pid)
        assert process is not None
        process.stop(patience_seconds=0.1)
    assert child.returncode == -9


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"name": "x"}', "not JSON"])
def test_a_damaged_record_is_no_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    directory = state.board_directory("rpi4")
    directory.mkdir(parents=True)
    (directory / "board.json").write_text(text)
    assert state.load("rpi4") is None
    assert state.names() == ("rpi4",)


def test_a_record_comes_back_as_it_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    process = identify(os.getpid())
    assert process is not None
    for home in (tmp_path / "home", None):
        info = state.BoardInfo(
            name="rpi4",
            architecture="aarch64",
            mode=state.Mode.USERLAND,
            reason="it works",
            host="127.0.0.1",
            port=2222,
            user="someone",
            identity=tmp_path / "key",
            known_hosts=tmp_path / "known_hosts",
            rootfs=tmp_path / "rootfs",
            home=home,
            processes=(process,),
        )
        state.board_directory("rpi4").mkdir(parents=True, exist_ok=True)
        state.save(info)
        assert state.load("rpi4") == info
    state.forget("rpi4")
    assert state.load("rpi4") is None


def test_a_relative_state_directory_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert state.boards_directory() == Path.home() / ".local/state/edgekit/boards"


# ------------------------------------------------------------------------------- tools, counts


def test_a_missing_program_names_the_package_that_has_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("edgekit.devices.emulated.tools._ADMINISTRATION", str(tmp_path))
    with pytest.raises(ToolMissingError, match="apt-get install qemu-user-static"):
        find_tool("qemu-aarch64-static")


def test_a_failing_program_is_quoted_with_its_purpose() -> None:
    with pytest.raises(EmulatorFailedError, match=r"(?s)Trying failed.*ended with 3: bad luck"):
        run_tool("sh", "-c", "echo bad luck >&2; exit 3", purpose="Trying")


def test_counts_are_dealt_out_to_invocations_and_steps() -> None:
    counts = InstructionCounts(intervals=(10, 20, 5, 11, 21), cpu="x", qemu="y", stdout=b"")
    assert counts.per_step(2) == ((10, 20), (11, 21))
    with pytest.raises(EmulatorFailedError, match="6 marks"):
        counts.per_step(3)


def test_a_trace_is_counted_block_by_block() -> None:
    log = b"""\
IN: main
0x10:  d2800001  mov x1, #0
0x14:  94000013  bl 0x40

Trace 0: 0x7f01 [0/10/1/0] main
IN: edgekit_step_mark
0x40:  d65f03c0  ret

Trace 0: 0x7f02 [0/40/1/0] edgekit_step_mark
IN: main
0x18:  94000013  bl 0x40

Trace 0: 0x7f03 [0/18/1/0] main
Trace 0: 0x7f01 [0/10/1/0] main
Trace 0: 0x7f02 [0/40/1/0] edgekit_step_mark
Trace 0: 0x7f03 [0/18/1/0] main
Trace 0: 0x7f01 [0/10/1/0] main
Stopped execution of TB chain before 0x7f01 [10] main
Trace 0: 0x7f02 [0/40/1/0] edgekit_step_mark
Trace 0: 0x7f01 [0/10/1/0] main
"""
    assert count_trace(log.splitlines(keepends=True)) == (3, 1)
    assert count_trace([]) == ()

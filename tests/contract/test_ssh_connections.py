"""Getting in: host keys, the user's keys, jump hosts and the SSH configuration, on real servers."""

from __future__ import annotations

import dataclasses
import getpass
import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import paramiko
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.devices.ssh import SshAddress, connect
from edgekit.errors import (
    AuthenticationRefusedError,
    CommandTimedOutError,
    ConnectionLostError,
    DeviceUnreachableError,
    HostKeyChangedError,
    HostKeyUnknownError,
    SshConfigurationError,
)
from tests.contract.conftest import TIMEOUTS, board_address, openssh_address
from tests.contract.openssh import OpenSshServer, make_key, tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.board_server import BoardServer


@pytest.fixture
def address(sshd: OpenSshServer, tmp_path: Path) -> SshAddress:
    return openssh_address(sshd, tmp_path)


def answers(address: SshAddress) -> bool:
    with connect(address, TIMEOUTS) as device:
        return device.run("echo", "here").stdout == b"here\n"


# ------------------------------------------------------------------------------- host keys


def test_an_unknown_host_key_is_refused_with_its_fingerprint_and_the_option(
    sshd: OpenSshServer, address: SshAddress, tmp_path: Path
) -> None:
    stranger = dataclasses.replace(address, known_hosts=tmp_path / "none")
    with pytest.raises(HostKeyUnknownError, match="--accept-new-host-key") as caught:
        connect(stranger, TIMEOUTS)
    shown = subprocess.run(
        [tool("ssh-keygen"), "-lf", f"{sshd.host_key}.pub"], check=True, capture_output=True, text=True
    ).stdout.split()[1]
    assert shown in caught.value.why
    assert caught.value.exit_code == 5
    assert not (tmp_path / "none").exists()


def test_an_accepted_host_key_is_saved_so_that_openssh_knows_it_too(
    sshd: OpenSshServer, address: SshAddress, tmp_path: Path
) -> None:
    saved = tmp_path / "new" / "known_hosts"
    assert answers(dataclasses.replace(address, known_hosts=saved, accept_new_host_key=True))
    assert saved.stat().st_mode & 0o777 == 0o600
    assert answers(dataclasses.replace(address, known_hosts=saved))
    options = ("StrictHostKeyChecking=yes", f"UserKnownHostsFile={saved}", "BatchMode=yes")
    words = [word for option in options for word in ("-o", option)]
    command = [tool("ssh"), "-F", "none", *words, "-i", str(sshd.user_key), "-p", str(sshd.port)]
    assert subprocess.run([*command, "127.0.0.1", "true"], check=False).returncode == 0


def test_a_saved_host_key_leaves_what_was_in_the_file(address: SshAddress, tmp_path: Path) -> None:
    saved = tmp_path / "known"
    saved.write_text("# mine\nother ssh-ed25519 AAAA")  # no newline at its end
    assert answers(dataclasses.replace(address, known_hosts=saved, accept_new_host_key=True))
    assert saved.read_text().startswith("# mine\nother ssh-ed25519 AAAA\n[127.0.0.1]:")


def test_a_changed_host_key_is_refused_even_when_new_ones_are_accepted(
    sshd: OpenSshServer, address: SshAddress, tmp_path: Path
) -> None:
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text().split()[1]
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{sshd.port} ssh-ed25519 {other}\n")
    changed = dataclasses.replace(address, known_hosts=known, accept_new_host_key=True)
    with pytest.raises(HostKeyChangedError, match=r"(?s)has changed.*ssh-keygen -f .* -R") as caught:
        connect(changed, TIMEOUTS)
    assert caught.value.exit_code == 5
    assert known.read_text().count("\n") == 1


def test_a_known_key_of_another_type_is_a_changed_key(
    sshd: OpenSshServer, address: SshAddress, tmp_path: Path
) -> None:
    other = make_key(tmp_path / "other", kind="ecdsa").with_suffix(".pub").read_text().split()
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{sshd.port} {other[0]} {other[1]}\n")
    with pytest.raises(HostKeyChangedError):
        connect(dataclasses.replace(address, known_hosts=known), TIMEOUTS)


def test_a_revoked_host_key_is_refused(sshd: OpenSshServer, address: SshAddress, tmp_path: Path) -> None:
    known = tmp_path / "known"
    kind, key = sshd.known_hosts_line.split()[1:]
    known.write_text(f"{sshd.known_hosts_line}@revoked * {kind} {key}\n")
    with pytest.raises(HostKeyChangedError, match="revoked"):
        connect(dataclasses.replace(address, known_hosts=known), TIMEOUTS)


def test_a_hashed_known_hosts_file_is_understood(
    sshd: OpenSshServer, address: SshAddress, tmp_path: Path
) -> None:
    known = tmp_path / "known"
    known.write_text(sshd.known_hosts_line)
    subprocess.run([tool("ssh-keygen"), "-q", "-H", "-f", known], check=True, capture_output=True)
    assert known.read_text().startswith("|1|")
    assert answers(dataclasses.replace(address, known_hosts=known))


# ------------------------------------------------------------------------------------ keys


def test_a_key_that_the_device_does_not_know_is_named(
    sshd: OpenSshServer, address: SshAddress, identity: Path
) -> None:
    with pytest.raises(AuthenticationRefusedError, match="does not let us in") as caught:
        connect(dataclasses.replace(address, identity=identity), TIMEOUTS)
    assert f"It refused {identity}" in caught.value.why
    assert f"ssh-copy-id -p {sshd.port} " in caught.value.fix
    assert caught.value.exit_code == 5


def test_without_any_key_the_message_says_that_there_is_none(address: SshAddress) -> None:
    with pytest.raises(AuthenticationRefusedError, match="There is no key to offer"):
        connect(dataclasses.replace(address, identity=None), TIMEOUTS)


def test_a_key_with_a_passphrase_is_left_to_the_agent(address: SshAddress, tmp_path: Path) -> None:
    locked = make_key(tmp_path / "locked", passphrase="secret")
    with pytest.raises(AuthenticationRefusedError, match=f"ssh-add {locked}"):
        connect(dataclasses.replace(address, identity=locked), TIMEOUTS)


def test_a_file_that_is_no_key_is_named(address: SshAddress, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no key")
    with pytest.raises(AuthenticationRefusedError, match=r"text \(cannot be read"):
        connect(dataclasses.replace(address, identity=tmp_path / "text"), TIMEOUTS)


def test_an_identity_that_does_not_exist_is_said_before_connecting(tmp_path: Path) -> None:
    with pytest.raises(SshConfigurationError, match="There is no key file") as caught:
        connect(SshAddress(host="127.0.0.1", port=1, identity=tmp_path / "missing"))
    assert caught.value.exit_code == 5


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A running ssh-agent without keys."""
    path = tmp_path / "agent"
    process = subprocess.Popen([tool("ssh-agent"), "-D", "-a", path], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    while not path.exists():
        assert process.poll() is None
    yield
    process.terminate()
    process.wait()


def add_to_agent(key: Path) -> None:
    subprocess.run([tool("ssh-add"), "-q", key], check=True, capture_output=True)


@pytest.mark.usefixtures("agent")
def test_the_agent_s_key_lets_us_in(sshd: OpenSshServer, address: SshAddress, identity: Path) -> None:
    add_to_agent(identity)  # a wrong one first
    add_to_agent(sshd.user_key)
    assert answers(dataclasses.replace(address, identity=None))


@pytest.mark.usefixtures("agent")
def test_identities_only_keeps_the_agent_s_other_keys_back(
    sshd: OpenSshServer, address: SshAddress, identity: Path, tmp_path: Path
) -> None:
    add_to_agent(sshd.user_key)
    config = tmp_path / "config"
    config.write_text(f"IdentitiesOnly yes\nIdentityFile {identity}\n")
    with pytest.raises(AuthenticationRefusedError):
        connect(dataclasses.replace(address, identity=None, config=config), TIMEOUTS)


def test_a_default_key_in_the_home_directory_lets_us_in(sshd: OpenSshServer, address: SshAddress) -> None:
    folder = Path.home() / ".ssh"
    folder.mkdir()
    (folder / "id_ed25519").write_bytes(sshd.user_key.read_bytes())
    assert answers(dataclasses.replace(address, identity=None))


def test_a_server_that_closes_after_too_many_keys_is_told_apart(board: BoardServer, tmp_path: Path) -> None:
    board.faults.allows_keys = False
    address = board_address(board, tmp_path, make_key(tmp_path / "wrong"))
    with pytest.raises(AuthenticationRefusedError, match=r"It refused .*wrong"):
        connect(address, TIMEOUTS)


# ------------------------------------------------------------------- configuration and jumps


def test_an_alias_of_the_configuration_says_host_user_port_and_key(
    sshd: OpenSshServer, tmp_path: Path
) -> None:
    (tmp_path / "known").write_text(sshd.known_hosts_line)
    folder = Path.home() / ".ssh"
    folder.mkdir()
    (folder / "config").write_text("Include boards.conf\nHost *\n  User nobody-else\n")
    (folder / "boards.conf").write_text(
        f"Host pi\n  HostName 127.0.0.1\n  Port {sshd.port}\n  User {getpass.getuser()}\n"
        f"  IdentityFile {sshd.user_key}\n  UserKnownHostsFile {tmp_path}/known\n"
    )
    assert answers(SshAddress(host="pi"))


def test_a_device_behind_two_jump_hosts_is_reached(
    tmp_path: Path, sshd: OpenSshServer, board: BoardServer
) -> None:
    (tmp_path / "second").mkdir()
    second = OpenSshServer(tmp_path / "second")
    try:
        known = tmp_path / "known"
        key = board.host_key
        known.write_text(
            f"{sshd.known_hosts_line}{second.known_hosts_line}"
            f"[127.0.0.1]:{board.port} {key.get_name()} {key.get_base64()}\n"
        )
        config = tmp_path / "config"
        config.write_text(
            f"Host first\n HostName 127.0.0.1\n Port {sshd.port}\n IdentityFile {sshd.user_key}\n"
            f"Host second\n HostName 127.0.0.1\n Port {second.port}\n IdentityFile {second.user_key}\n"
            f"Host pi\n HostName 127.0.0.1\n Port {board.port}\n User pi\n ProxyJump first,second\n"
            f" IdentityFile {second.user_key}\n"
        )
        with connect(SshAddress(host="pi", config=config, known_hosts=known), TIMEOUTS) as device:
            assert device.name == f"pi@127.0.0.1:{board.port}"
            assert device.run("pwd").stdout.decode().strip() == str(board.home)
    finally:
        second.close()


def test_an_unknown_jump_host_is_refused_by_its_own_name(sshd: OpenSshServer, tmp_path: Path) -> None:
    address = SshAddress(
        host="pi.invalid", jump=f"127.0.0.1:{sshd.port}", known_hosts=tmp_path / "none", user="pi"
    )
    with pytest.raises(HostKeyUnknownError, match=f"127.0.0.1:{sshd.port} is not known"):
        connect(address, TIMEOUTS)


def test_a_device_that_the_jump_host_cannot_reach_is_unreachable(sshd: OpenSshServer, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(f"Host gate\n HostName 127.0.0.1\n Port {sshd.port}\n IdentityFile {sshd.user_key}\n")
    known = tmp_path / "known"
    known.write_text(sshd.known_hosts_line)
    address = SshAddress(host="127.0.0.1", port=1, user="pi", jump="gate", config=config, known_hosts=known)
    with pytest.raises(DeviceUnreachableError, match=r"pi@127\.0\.0\.1:1 cannot be reached"):
        connect(address, TIMEOUTS)


# -------------------------------------------------------------------------- unreachable, lost


def test_a_port_where_nobody_listens_is_unreachable(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DeviceUnreachableError, match=r"(?s)Connection refused.*an SSH server runs") as caught:
        connect(SshAddress(host="127.0.0.1", port=port, user="pi"), TIMEOUTS)
    assert caught.value.exit_code == 5


def test_a_name_that_does_not_exist_is_unreachable() -> None:
    with pytest.raises(DeviceUnreachableError, match="Check the spelling"):
        connect(SshAddress(host="no-such-board.invalid", user="pi"), TIMEOUTS)


def test_something_that_does_not_speak_ssh_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        brief = dataclasses.replace(TIMEOUTS, handshake=0.3)
        with pytest.raises(DeviceUnreachableError):
            connect(SshAddress(host="127.0.0.1", port=port, user="pi"), brief)


def test_a_connection_that_is_cut_while_a_program_runs_is_lost(
    sshd: OpenSshServer, address: SshAddress
) -> None:
    with connect(address, TIMEOUTS) as device, device.start("sh", "-c", "echo on; cat") as program:
        assert program.line() == b"on"
        sshd.cut_connections()
        with pytest.raises(ConnectionLostError, match="was lost while") as caught:
            device.run("sleep", "5")
    assert caught.value.exit_code == 5


def test_a_cut_connection_stays_lost(sshd: OpenSshServer, address: SshAddress, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with connect(address, TIMEOUTS) as device:
        sshd.cut_connections()
        with pytest.raises(ConnectionLostError):
            device.run("true")
        with pytest.raises(ConnectionLostError):
            device.put(tmp_path / "file", f"{tmp_path}/there")
        with pytest.raises(ConnectionLostError):
            device.get(f"{tmp_path}/file", tmp_path / "back")
    with pytest.raises(ConnectionLostError, match="It was closed here"):
        device.run("true")


def test_a_server_that_never_answers_a_command_times_out(
    board: BoardServer, identity: Path, tmp_path: Path
) -> None:
    board.faults.is_silent_at = "hostname"
    address = board_address(board, tmp_path, identity)
    with connect(address, TIMEOUTS) as device, pytest.raises(CommandTimedOutError):
        device.run("hostname", timeout_seconds=0.3)


def test_a_board_with_an_rsa_key_is_recognised(board: BoardServer, identity: Path, tmp_path: Path) -> None:
    board.host_key = paramiko.RSAKey.generate(2048)
    with connect(board_address(board, tmp_path, identity), TIMEOUTS) as device:
        assert device.run("true").exit_code == 0


def test_two_devices_in_one_process_do_not_meet(sshd: OpenSshServer, address: SshAddress) -> None:
    with connect(address, TIMEOUTS) as one, connect(address, TIMEOUTS) as other:
        one.close()
        assert other.run("echo", str(os.getpid())).stdout.decode().strip() == str(os.getpid())


def test_no_argument_whatever_is_changed_on_its_way(address: SshAddress) -> None:
    # No NUL, which no argument can hold; nothing that has no form in UTF-8.
    words = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=20)
    with connect(address, TIMEOUTS) as device:

        @settings(max_examples=25)
        @given(st.lists(words, min_size=1, max_size=5))
        def check(arguments: list[str]) -> None:
            done = device.run("printf", "%s\\0", *arguments)
            assert done.stdout.decode().split("\0")[:-1] == arguments

        check()

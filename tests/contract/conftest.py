"""Devices to test against: this machine, a board in this process, and a real OpenSSH server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgekit.devices.local import LocalDevice
from edgekit.devices.ssh import SshAddress, SshTimeouts, connect
from edgekit.paths import cache_directory
from edgekit.testing.tiny_model import tiny_bundle
from tests.contract.board_server import BoardServer
from tests.contract.openssh import OpenSshServer, make_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgekit.artifacts import Bundle
    from edgekit.devices.device import Device
    from edgekit.devices.ssh import SshDevice

TIMEOUTS = SshTimeouts(connect=5, handshake=10, authentication=10, session=10, silence=10)


@pytest.fixture(autouse=True)
def _no_ssh_settings_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the configuration, the keys nor the agent of whoever runs the tests; the caches stay."""
    monkeypatch.setenv("EDGEKIT_CACHE", str(cache_directory()))
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(Path.home() / ".cache" / "zig"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / "user").mkdir()


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    """A private key of the user's."""
    return make_key(tmp_path / "identity")


@pytest.fixture
def board(tmp_path: Path) -> Iterator[BoardServer]:
    """A board with faults to choose. Its home is empty."""
    home = tmp_path / "board"
    home.mkdir()
    server = BoardServer(home)
    yield server
    server.close()


@pytest.fixture
def reach(tmp_path: Path, identity: Path) -> Callable[[BoardServer], SshDevice]:
    """Connect to a board, as often as one likes."""

    def reach(board: BoardServer) -> SshDevice:
        return connect(board_address(board, tmp_path, identity), TIMEOUTS)

    return reach


def board_address(board: BoardServer, directory: Path, identity: Path) -> SshAddress:
    """Where a board is, its host key being known."""
    known_hosts = directory / f"known-{board.port}"
    known_hosts.write_text(
        f"[127.0.0.1]:{board.port} {board.host_key.get_name()} {board.host_key.get_base64()}\n"
    )
    return SshAddress(
        host="127.0.0.1", user="pi", port=board.port, identity=identity, known_hosts=known_hosts
    )


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSshServer]:
    """A real OpenSSH server."""
    server = OpenSshServer(tmp_path_factory.mktemp("sshd"))
    yield server
    server.close()


def openssh_address(server: OpenSshServer, directory: Path) -> SshAddress:
    """Where an OpenSSH server is, its host key being known."""
    known_hosts = directory / f"known-{server.port}"
    known_hosts.write_text(server.known_hosts_line)
    return SshAddress(host="127.0.0.1", port=server.port, identity=server.user_key, known_hosts=known_hosts)


@pytest.fixture(params=["local", "board", "board-without-sftp", "openssh"])
def device(request: pytest.FixtureRequest, tmp_path: Path, identity: Path) -> Iterator[Device]:
    """Every kind of device in turn."""
    if request.param == "local":
        yield LocalDevice(tmp_path)
    elif request.param == "openssh":
        server = request.getfixturevalue("sshd")
        with connect(openssh_address(server, tmp_path), TIMEOUTS) as ssh:
            yield ssh
    else:
        server = request.getfixturevalue("board")
        server.faults.has_sftp = request.param == "board"
        with connect(board_address(server, tmp_path, identity), TIMEOUTS) as ssh:
            yield ssh


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle for this machine whose golden check passes."""
    return tiny_bundle(tmp_path_factory.mktemp("good") / "bundle")


@pytest.fixture(scope="session")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The same model with one wrong output element."""
    return tiny_bundle(tmp_path_factory.mktemp("wrong") / "bundle", "SECOND_STEP")


@pytest.fixture(scope="session")
def crashing(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The same model, which aborts when it is invoked."""
    return tiny_bundle(tmp_path_factory.mktemp("crashing") / "bundle", "CRASH")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home directory."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def here(home: Path) -> LocalDevice:
    """This machine, with that home directory."""
    return LocalDevice(home)

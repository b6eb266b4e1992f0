"""A real OpenSSH server on loopback, run by and for the current user."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def tool(name: str) -> str:
    """The path of a program; a test that needs one fails without it."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:{_SBIN}")
    assert found is not None, f"{name} is not installed; scripts/install-system-packages installs it"
    return found


def make_key(path: Path, *, passphrase: str = "", kind: str = "ed25519") -> Path:
    """Make a key pair at `path` and `path`.pub, replacing what is there."""
    path.unlink(missing_ok=True)
    subprocess.run(
        [tool("ssh-keygen"), "-q", "-t", kind, "-N", passphrase, "-f", path], check=True, capture_output=True
    )
    return path


class OpenSshServer:
    """sshd with its own host key, which lets in the key `user_key` only; `environment` is its sessions'."""

    def __init__(
        self, directory: Path, *, with_sftp: bool = True, environment: Mapping[str, str] | None = None
    ) -> None:
        self.directory = directory
        self.host_key = make_key(directory / "host_key")
        self.user_key = make_key(directory / "user_key")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self._process = self._start(with_sftp=with_sftp, environment=environment or {})

    @property
    def known_hosts_line(self) -> str:
        """What a known_hosts file says of this server."""
        kind, key = self.host_key.with_suffix(".pub").read_text().split()[:2]
        return f"[127.0.0.1]:{self.port} {kind} {key}\n"

    def cut_connections(self) -> None:
        """Kill the processes that serve open connections: the link is gone at once."""
        for child in _children(self._process.pid):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def close(self) -> None:
        """Stop the server and its connections."""
        self.cut_connections()
        self._process.terminate()
        self._process.communicate()

    def _start(self, *, with_sftp: bool, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd insists on it
        settings = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.host_key}",
            f"AuthorizedKeysFile {self.user_key}.pub",
            f"PidFile {self.directory / 'pid'}",
            f"UsePAM {'yes' if _is_locked() else 'no'}",
            "StrictModes no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            "MaxStartups 100",
        ]
        settings += ["Subsystem sftp internal-sftp"] if with_sftp else []
        settings += [f"SetEnv {name}={value}" for name, value in environment.items()]
        config = self.directory / "sshd_config"
        config.write_text("\n".join(settings) + "\n")
        log = self.directory / "log"
        process = subprocess.Popen([tool("sshd"), "-D", "-f", config, "-E", log], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as client:
                if client.recv(4) == b"SSH-":
                    return process
            time.sleep(0.02)
        process.kill()
        process.communicate()
        raise AssertionError(f"sshd did not start: {log.read_text() if log.exists() else 'no log'}")


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    if listed.exists():
        return [int(word) for word in listed.read_text().split()]
    return []


def _is_locked() -> bool:
    """Whether the user's password is locked; sshd then lets in a key only through PAM."""
    try:
        entries = dict(line.split(":")[:2] for line in Path("/etc/shadow").read_text().splitlines())
    except OSError:  # only root's sshd can see it either
        return False
    return entries.get(getpass.getuser(), "").startswith("!")

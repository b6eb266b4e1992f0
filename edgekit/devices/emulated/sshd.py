"""The board's SSH server: this machine's OpenSSH sshd on a loopback port, with keys of the board's own."""

from __future__ import annotations

import dataclasses
import os
import pwd
import shlex
import socket
import time
from pathlib import Path

from edgekit.devices.emulated.processes import Process, identify
from edgekit.devices.emulated.tools import find_tool, run_tool
from edgekit.errors import EmulatorFailedError

HOST = "127.0.0.1"
_SFTP_SERVER = "/usr/lib/openssh/sftp-server"  # on the board
_START_SECONDS = 10.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Keys:
    """A board's keys, made once and kept, so that a client sees the same host at every start."""

    directory: Path

    @property
    def host(self) -> Path:
        """The server's private key."""
        return self.directory / "host_key"

    @property
    def client(self) -> Path:
        """The user's private key."""
        return self.directory / "client_key"

    @property
    def known_hosts(self) -> Path:
        """The server's public key, for the port in use."""
        return self.directory / "known_hosts"

    def make(self) -> None:
        """Make the keys that are missing."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for key in (self.host, self.client):
            if not key.exists():
                run_tool(
                    "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "edgekit", "-f", str(key),
                    purpose="Making the board's keys",
                )  # fmt: skip

    def trust(self, port: int) -> None:
        """Write the known_hosts file for the port in use."""
        kind, key = self.host.with_suffix(".pub").read_text().split()[:2]
        self.known_hosts.write_text(f"[{HOST}]:{port} {kind} {key}\n")


def free_port(preferred: int | None = None) -> int:
    """A loopback port that nobody listens on now: the preferred one where possible."""
    for port in (preferred or 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EmulatorFailedError(
        "No free port was found.",
        why=f"The system gives out none on {HOST}.",
        fix="End programs that hold many connections.",
    )


def user_name() -> str:
    """Who logs in: the user that runs the server, since only root's could serve others."""
    return pwd.getpwuid(os.geteuid()).pw_name


def start(keys: Keys, port: int, session_argv: tuple[str, ...]) -> Process:
    """Start a server whose every session runs `session_argv`; returns once it answers.

    Raises:
        ToolMissingError: sshd is not installed.
        EmulatorFailedError: it does not start; the end of its log is in the message.
    """
    directory = keys.directory
    log = directory / "sshd.log"
    log.write_bytes(b"")
    if os.geteuid() == 0:
        # sshd insists on it for its unprivileged half; nothing makes it where no init system runs.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    config = directory / "sshd_config"
    config.write_text(_configuration(keys, port, session_argv))
    pid_file = directory / "sshd.pid"
    pid_file.unlink(missing_ok=True)
    command = (find_tool("sshd"), "-f", str(config), "-E", str(log))
    run_tool(*command, purpose="Starting the board's SSH server")  # it goes into the background
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if pid_file.exists() and answers(port):
            process = identify(int(pid_file.read_text()))
            if process is not None:
                return process
        time.sleep(0.02)
    raise EmulatorFailedError(
        "The board's SSH server did not start.",
        why=log.read_text(errors="replace").strip()[-800:] or "It wrote nothing.",
        fix=f"Try it by hand: {shlex.join([*command, '-d'])}",
    )


def answers(port: int) -> bool:
    """Whether an SSH server greets us on a loopback port."""
    try:
        with socket.create_connection((HOST, port), timeout=2.0) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _configuration(keys: Keys, port: int, session_argv: tuple[str, ...]) -> str:
    settings = {
        "Port": str(port),
        "ListenAddress": HOST,
        "HostKey": _quoted(keys.host),
        "PidFile": _quoted(keys.directory / "sshd.pid"),
        "AuthorizedKeysFile": _quoted(keys.client.with_suffix(".pub")),
        "AllowUsers": user_name(),
        "PermitRootLogin": "prohibit-password",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        # PAM would let in a user without a password, but it needs files that a container may lack.
        "UsePAM": "yes" if _is_locked() else "no",
        "StrictModes": "no",  # the keys may lie under a directory that others can write to
        "UseDNS": "no",
        "PrintMotd": "no",
        "PrintLastLog": "no",
        "MaxStartups": "100",
        "MaxSessions": "100",
        "Subsystem": f"sftp {_SFTP_SERVER}",
        "ForceCommand": shlex.join(session_argv),
    }
    return "".join(f"{key} {value}\n" for key, value in settings.items())


def _quoted(path: Path) -> str:
    return f'"{path}"'


def _is_locked() -> bool:
    """Whether sshd, without PAM, would refuse the user because the account has no password at all."""
    try:
        lines = Path("/etc/shadow").read_text().splitlines()
    except OSError:  # an ordinary user's sshd cannot read it either, and refuses nobody
        return False
    passwords = {line.split(":")[0]: line.split(":")[1] for line in lines if ":" in line}
    return passwords.get(user_name(), "").startswith("!")

"""A board in this process: a real SSH server on loopback whose failures a test can choose.

Commands run in `home` with this machine's programs; SFTP works on its real files. Each fault is
something that happens to boards: a link that breaks at a certain command or byte, a full disk, a
server without SFTP, a program that never ends.
"""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import threading
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)
from paramiko.sftp import SFTP_CONNECTION_LOST, SFTP_FAILURE, SFTP_OK

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 32768
# What a thread meets when its client or its program has gone; a closed pipe is a ValueError.
_LINK_BROKE = (OSError, EOFError, ValueError, paramiko.SSHException)


@dataclasses.dataclass
class Faults:
    """What goes wrong. A "command" is any part of the command line that the client sends."""

    drop_before: str | None = None  # the link breaks when this command arrives, and it never runs
    drop_during: str | None = None  # the link breaks once it printed something or ended; nothing comes back
    drop_at_answer: str | None = None  # the link breaks when the client answers a started program with this
    answer_arrives: bool = False  # … just after the program has read it
    drop_after_bytes: int | None = None  # the link breaks in the middle of an upload
    quota_bytes: int | None = None  # SFTP refuses to write more
    has_sftp: bool = True
    allows_keys: bool = True
    allows_sessions: bool = True
    is_silent_at: str | None = None  # this command never ends
    pause_at: str | None = None  # this command waits until `go` is set
    arrived: threading.Event = dataclasses.field(default_factory=threading.Event)
    go: threading.Event = dataclasses.field(default_factory=threading.Event)


class BoardServer:
    """Listens from its making until `close`."""

    def __init__(self, home: Path, *, path: str | None = None, port: int = 0) -> None:
        self.home = home
        self.faults = Faults()
        self.host_key: paramiko.PKey = paramiko.ECDSAKey.generate()
        self.user_key: paramiko.PKey | None = None  # None: any key
        self.commands: list[str] = []
        self.written_bytes = 0
        self.path = path or os.environ["PATH"]
        # Held while an answer arrives that breaks the link: nobody hears the end that it brings about.
        self._breaking = threading.Lock()
        self._transports: list[paramiko.Transport] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = int(self._listener.getsockname()[1])
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Stop, and wait for what still runs."""
        self.faults.go.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        self.drop()
        self.settle()

    def drop(self) -> None:
        """Break every connection, as a pulled cable with a reset would."""
        for transport in self._transports:
            with suppress(OSError):
                transport.sock.shutdown(socket.SHUT_RDWR)
            transport.sock.close()

    def settle(self) -> None:
        """Wait until every program on the board has ended; those left hanging are not waited for."""
        for thread in list(self._threads):
            thread.join(timeout=20)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.host_key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, board=self)
            self._transports.append(transport)
            with suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(server=_Session(self))

    def execute(self, channel: paramiko.Channel, command: str) -> None:
        """Run a command for a client, in a thread of its own."""
        self.commands.append(command)
        self._start(self._run, channel, command)

    def _run(self, channel: paramiko.Channel, command: str) -> None:
        faults = self.faults
        if _names(faults.drop_before, command):
            return self.drop()
        if _names(faults.is_silent_at, command):
            return None
        if _names(faults.pause_at, command):
            faults.arrived.set()
            faults.go.wait(timeout=60)
        process = subprocess.Popen(
            ["sh", "-c", command],
            cwd=self.home,
            env={"HOME": str(self.home), "PATH": self.path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        with suppress(*_LINK_BROKE), process:
            self._talk(channel, process, hides=_names(faults.drop_during, command))
        with suppress(*_LINK_BROKE):
            code = process.returncode
            with self._breaking:
                channel.send_exit_status(code if code >= 0 else 128 - code)
                channel.close()
        return None

    def _talk(self, channel: paramiko.Channel, process: subprocess.Popen[bytes], *, hides: bool) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        heard = threading.Event()
        self._start(self._feed, channel, process.stdin, heard)
        errors = self._start(_copy, _reader(process.stderr), channel.sendall_stderr, _nothing)
        read = _reader(process.stdout)
        if hides:
            read()  # its first words, or its end
            self.drop()
        with suppress(*_LINK_BROKE):
            while chunk := read():
                channel.sendall(chunk)
        while read():  # a program whose reader has gone still runs to its end
            pass
        errors.join()
        process.wait()
        # paramiko answers the request for a command after starting it; a client must not see the end
        # of a very short one before that answer. Whatever the client sends shows that it has it.
        heard.wait(timeout=0.5)

    def _feed(self, channel: paramiko.Channel, stdin: Any, heard: threading.Event) -> None:
        with suppress(*_LINK_BROKE):  # the program may have ended, and its input be closed
            while chunk := channel.recv(_CHUNK):
                heard.set()
                wanted = self.faults.drop_at_answer
                meant = wanted is not None and wanted.encode() in chunk
                if meant and not self.faults.answer_arrives:
                    self.drop()
                    break
                with self._breaking if meant else nullcontext():
                    stdin.write(chunk)
                    stdin.flush()
                    if meant:
                        self.drop()
        heard.set()
        with suppress(*_LINK_BROKE):
            stdin.close()

    def _start(self, function: Callable[..., object], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread


class _Session(paramiko.ServerInterface):
    def __init__(self, board: BoardServer) -> None:
        self._board = board

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        wanted = self._board.user_key
        allowed = self._board.faults.allows_keys and (
            wanted is None or wanted.get_base64() == key.get_base64()
        )
        return AUTH_SUCCESSFUL if allowed else AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        if kind == "session" and self._board.faults.allows_sessions:
            return OPEN_SUCCEEDED
        return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self._board.execute(channel, command.decode())
        return True

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        return self._board.faults.has_sftp and super().check_channel_subsystem_request(channel, name)


class _Files(paramiko.SFTPServerInterface):
    """SFTP on the real files below the board's home."""

    def __init__(
        self, server: paramiko.ServerInterface, *args: Any, board: BoardServer, **kwargs: Any
    ) -> None:
        self._board = board
        super().__init__(server, *args, **kwargs)

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> Any:
        try:
            descriptor = os.open(self._real(path), flags, 0o644)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        handle = _Handle(self._board, flags)
        file = os.fdopen(descriptor, "wb" if flags & os.O_WRONLY else "rb")
        handle.readfile = handle.writefile = file  # type: ignore[attr-defined]  # paramiko's own convention
        return handle

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(os.stat(self._real(path)))  # noqa: PTH116
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    lstat = stat

    def chattr(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        assert attr.st_mode is not None
        return _status(lambda: self._real(path).chmod(attr.st_mode or 0))

    def remove(self, path: str) -> int:
        return _status(lambda: self._real(path).unlink())

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        return _status(lambda: self._real(oldpath).replace(self._real(newpath)))

    def _real(self, path: str) -> Path:
        return self._board.home / path

    def canonicalize(self, path: str) -> str:
        return path


class _Handle(paramiko.SFTPHandle):
    def __init__(self, board: BoardServer, flags: int) -> None:
        super().__init__(flags)
        self._board = board

    def stat(self) -> Any:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))  # type: ignore[attr-defined]  # paramiko's own

    def write(self, offset: int, data: Any) -> int:
        faults, board = self._board.faults, self._board
        board.written_bytes += len(data)
        if faults.drop_after_bytes is not None and board.written_bytes > faults.drop_after_bytes:
            board.drop()
            return SFTP_CONNECTION_LOST
        if faults.quota_bytes is not None and board.written_bytes > faults.quota_bytes:
            return SFTP_FAILURE
        return super().write(offset, data)


def _status(action: Callable[[], object]) -> int:
    try:
        action()
    except OSError as error:
        return paramiko.SFTPServer.convert_errno(error.errno or 0)
    return SFTP_OK


def _names(wanted: str | None, command: str) -> bool:
    return wanted is not None and wanted in command


def _reader(stream: Any) -> Callable[[], bytes]:
    return lambda: os.read(stream.fileno(), _CHUNK)


def _copy(read: Callable[[], bytes], write: Callable[[bytes], object], end: Callable[[], object]) -> None:
    with suppress(*_LINK_BROKE):
        while chunk := read():
            write(chunk)
    with suppress(*_LINK_BROKE):
        end()


def _nothing() -> None:
    return

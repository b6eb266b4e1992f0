"""A device over SSH: one connection, kept alive, with a time limit for every step."""

from __future__ import annotations

import dataclasses
import io
import logging
import shlex
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, Self

import paramiko

from edgekit.devices import ssh_transfer
from edgekit.devices.device import Completed
from edgekit.devices.ssh_auth import log_in
from edgekit.devices.ssh_config import Hop, SshAddress, resolve
from edgekit.devices.ssh_errors import TRANSPORT_ERRORS, connecting, lost, talking
from edgekit.devices.ssh_known_hosts import check_host_key, known_key_types
from edgekit.errors import CommandTimedOutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["SshAddress", "SshDevice", "SshTimeouts", "connect"]

# paramiko logs every broken connection with a traceback; we say the same in our own words.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_CHUNK_BYTES = 32 * 1024
_KEEPALIVE_SECONDS = 5
# A program that a signal ends has no exit code in paramiko; as the child of a shell it has 128 + n.
_AS_CHILD = ("sh", "-c", '"$@"; exit $?', "sh")
# known_hosts and the key exchange call RSA keys by different names.
_RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SshTimeouts:
    """Seconds that each step may take."""

    connect: float = 10.0  # the TCP connection
    handshake: float = 15.0  # banner and key exchange
    authentication: float = 20.0
    session: float = 15.0  # opening a channel
    silence: float = 30.0  # a file transfer, or the network, without any answer


def connect(
    address: SshAddress, timeouts: SshTimeouts | None = None, *, name: str | None = None
) -> SshDevice:
    """Connect to a device, through its jump hosts, and log in. Close it, or use it in `with`.

    `name` is how messages call it, if not "user@host:port".

    Raises:
        SshConfigurationError: the SSH configuration on this machine cannot be used.
        DeviceUnreachableError: nothing that speaks SSH answers.
        HostKeyUnknownError, HostKeyChangedError: it may be another machine; nothing was sent.
        AuthenticationRefusedError: none of our keys is accepted.
    """
    limits = timeouts or SshTimeouts()
    hops = resolve(address)
    transports: list[paramiko.Transport] = []
    try:
        for hop in hops:
            transports.append(_open(hop, transports[-1] if transports else None, address, limits))
    except BaseException:
        _close(transports)
        raise
    return SshDevice(name or hops[-1].name, transports, limits)


class SshDevice:
    """A machine that was logged in to. `connect` makes one."""

    def __init__(self, name: str, transports: list[paramiko.Transport], timeouts: SshTimeouts) -> None:
        self._name = name
        self._transports = transports  # jump hosts first
        self._timeouts = timeouts
        self._sftp: paramiko.SFTPClient | None = None
        self._has_sftp = True  # until the device says otherwise

    @property
    def name(self) -> str:
        """How messages call this device: "pi@pi.local:22"."""
        return self._name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection. Closing twice does no harm."""
        _close(self._transports)

    def put(self, local: Path, remote: str, *, mode: int = 0o644) -> None:
        """Copy one file to the device; see `ssh_transfer.store` for what it raises."""
        with local.open("rb") as source, talking(self._name, f"sending {local.name}"):
            ssh_transfer.store(self, self._open_sftp(), source, remote, mode)

    def get(self, remote: str, local: Path) -> None:
        """Copy one file from the device; see `ssh_transfer.fetch` for what it raises."""
        with talking(self._name, f"reading {remote}"):
            content = ssh_transfer.fetch(self, self._open_sftp(), remote)
        local.write_bytes(content)

    def run(self, *argv: str, stdin: bytes = b"", timeout_seconds: float | None = 60.0) -> Completed:
        """Run a program to its end; the device's shell sees `argv` quoted once.

        Raises:
            ConnectionLostError: the connection broke before the program's end was seen.
            CommandTimedOutError: no end after `timeout_seconds`; it may still run on the device.
            DeviceRefusedError: no further session is allowed.
        """
        return self.pipe(*argv, stdin=io.BytesIO(stdin), timeout_seconds=timeout_seconds)

    def pipe(self, *argv: str, stdin: BinaryIO, timeout_seconds: float | None) -> Completed:
        """`run`, with its input read from a file while the program runs."""
        with talking(self._name, f"running {argv[0]}"):
            channel = self._transport.open_session(timeout=self._timeouts.session)
            with channel:
                channel.exec_command(shlex.join((*_AS_CHILD, *argv)))
                return self._finish(channel, argv, stdin, timeout_seconds)

    def _finish(
        self, channel: paramiko.Channel, argv: tuple[str, ...], stdin: BinaryIO, limit: float | None
    ) -> Completed:
        deadline = None if limit is None else time.monotonic() + limit
        stdout, stderr = bytearray(), bytearray()
        # Each stream has its own thread, so that none can fill up while we wait for another.
        threads = [
            _started(_drain, channel.recv, stdout),
            _started(_drain, channel.recv_stderr, stderr),
            _started(_feed, channel, stdin),
        ]
        for thread in threads:
            thread.join(_left(deadline))
        ended = channel.status_event.wait(_left(deadline))
        if not ended or any(thread.is_alive() for thread in threads):
            channel.close()
            raise self._timed_out(argv, limit)
        if channel.exit_status < 0 and not self._was_killed(channel):
            raise lost(self._name, f"running {argv[0]}", "The other side closed the connection.")
        return Completed(argv=argv, exit_code=channel.exit_status, stdout=bytes(stdout), stderr=bytes(stderr))

    def _was_killed(self, channel: paramiko.Channel) -> bool:
        """Whether a program without an exit code was ended by a signal, the connection being whole."""
        transport = self._transport
        whole = transport.is_active() and transport.saved_exception is None
        return bool(channel.eof_received) and whole

    def _timed_out(self, argv: tuple[str, ...], limit: float | None) -> CommandTimedOutError:
        return CommandTimedOutError(
            f"`{argv[0]}` did not end on {self._name}.",
            why=f"There was no end after {limit:g} s.",
            fix="See with `top` what keeps the device busy, then try again.",
        )

    @contextmanager
    def start(self, *argv: str) -> Iterator[SshProgram]:
        """Start a program to talk to; see `Device.start`.

        Raises:
            ConnectionLostError, DeviceRefusedError: as `run`.
        """
        with talking(self._name, f"starting {argv[0]}"):
            channel = self._transport.open_session(timeout=self._timeouts.session)
            channel.settimeout(self._timeouts.silence)
            channel.exec_command(shlex.join(argv))
        try:
            yield SshProgram(self._name, argv[0], channel)
        finally:
            channel.close()

    @property
    def _transport(self) -> paramiko.Transport:
        if not self._transports:
            raise lost(self._name, "using it", "It was closed here.")
        return self._transports[-1]

    def _open_sftp(self) -> paramiko.SFTPClient | None:
        if self._sftp is None and self._has_sftp:
            transport = self._transport
            try:
                self._sftp = paramiko.SFTPClient.from_transport(transport)
            except TRANSPORT_ERRORS:
                if not transport.is_active():
                    raise
                self._has_sftp = False
                return None
            channel = self._sftp.get_channel() if self._sftp is not None else None
            if channel is not None:
                channel.settimeout(self._timeouts.silence)
        return self._sftp


class SshProgram:
    """A program started over SSH; see `Started`."""

    def __init__(self, device_name: str, program: str, channel: paramiko.Channel) -> None:
        self._device_name, self._program, self._channel = device_name, program, channel
        self._output = channel.makefile("rb")

    def line(self) -> bytes:
        """The next line it prints.

        Raises:
            ConnectionLostError: the connection broke, or nothing came for too long.
        """
        with talking(self._device_name, f"waiting for {self._program}"):
            line = self._output.readline()
            if not line and not (self._channel.eof_received and self._channel.get_transport().is_active()):
                raise EOFError
        return bytes(line).rstrip(b"\n")

    def answer(self, text: bytes) -> int:
        """Send the last input and wait for the end.

        Raises:
            ConnectionLostError: the connection broke before the end was seen.
        """
        with talking(self._device_name, f"ending {self._program}"):
            self._channel.sendall(text)
            self._channel.shutdown_write()
            self._output.read()
        if not self._channel.status_event.wait(self._channel.gettimeout()) or self._channel.exit_status < 0:
            raise lost(self._device_name, f"ending {self._program}", "Its end was not seen.")
        return self._channel.exit_status


def _open(
    hop: Hop, through: paramiko.Transport | None, address: SshAddress, limits: SshTimeouts
) -> paramiko.Transport:
    with connecting(hop.name):
        sock = _dial(hop, limits) if through is None else _tunnel(hop, through, limits)
        transport = paramiko.Transport(sock)
        try:
            _shake_hands(transport, hop, address, limits)
        except BaseException:
            transport.close()
            raise
    return transport


def _shake_hands(transport: paramiko.Transport, hop: Hop, address: SshAddress, limits: SshTimeouts) -> None:
    transport.banner_timeout = limits.handshake
    transport.auth_timeout = limits.authentication
    transport.channel_timeout = limits.session
    _prefer_known_key(transport, hop)
    transport.start_client(timeout=limits.handshake)
    check_host_key(hop, transport.get_remote_server_key(), accept_new=address.accept_new_host_key)
    transport.set_keepalive(_KEEPALIVE_SECONDS)
    log_in(transport, hop)


def _prefer_known_key(transport: paramiko.Transport, hop: Hop) -> None:
    """Ask first for a key of a type that is known, or a second key would look like a changed one."""
    known: list[str] = []
    for key_type in known_key_types(hop):
        known += _RSA_SIGNATURES if key_type == "ssh-rsa" else (key_type,)
    options = transport.get_security_options()
    offered = list(options.key_types)
    options.key_types = sorted(offered, key=lambda key_type: key_type not in known)


def _dial(hop: Hop, limits: SshTimeouts) -> socket.socket:
    sock = socket.create_connection((hop.host, hop.port), timeout=limits.connect)
    sock.settimeout(None)
    # Keepalives that nobody acknowledges end the connection, instead of a silence for ever.
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        milliseconds = int(limits.silence * 1000)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    return sock


def _tunnel(hop: Hop, through: paramiko.Transport, limits: SshTimeouts) -> paramiko.Channel:
    return through.open_channel(
        "direct-tcpip", (hop.host, hop.port), ("127.0.0.1", 0), timeout=limits.connect
    )


def _close(transports: list[paramiko.Transport]) -> None:
    while transports:
        transports.pop().close()


def _started(function: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


def _drain(receive: Callable[[int], bytes], into: bytearray) -> None:
    while chunk := receive(_CHUNK_BYTES):
        into += chunk


def _feed(channel: paramiko.Channel, stdin: BinaryIO) -> None:
    # A program may end, or the connection break, before all was read: the reader threads see that.
    with suppress(OSError):
        while chunk := stdin.read(_CHUNK_BYTES):
            channel.sendall(chunk)
    with suppress(*TRANSPORT_ERRORS):
        channel.shutdown_write()


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())

"""The one door through which the transport's exceptions leave, as EdgeKit's own."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import paramiko

from edgekit.errors import ConnectionLostError, DeviceRefusedError, DeviceUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgekit.errors import DeviceError

# paramiko lets EOFError and plain socket errors through beside its own.
TRANSPORT_ERRORS = (paramiko.SSHException, EOFError, OSError)


@contextmanager
def connecting(name: str) -> Iterator[None]:
    """Translate what goes wrong before the device lets us in."""
    try:
        yield
    except TRANSPORT_ERRORS as error:
        raise _unreachable(name, error) from error


@contextmanager
def talking(name: str, doing: str) -> Iterator[None]:
    """Translate what goes wrong on an open connection; `doing` completes "while …"."""
    try:
        yield
    except TRANSPORT_ERRORS as error:
        raise _broken(name, doing, error) from error


def lost(name: str, doing: str, why: str) -> ConnectionLostError:
    """The connection to `name` ended by itself."""
    return ConnectionLostError(
        f"The connection to {name} was lost while {doing}.",
        why=why,
        fix="Check the network and the device's power, then run the same command again.",
    )


def _broken(name: str, doing: str, error: Exception) -> DeviceError:
    if isinstance(error, paramiko.ChannelException):
        return DeviceRefusedError(
            f"{name} refused a session while {doing}.",
            why=f"Its SSH server says: {error.text}.",
            fix="Check MaxSessions and ForceCommand in the device's sshd_config.",
        )
    return lost(name, doing, _words(error))


def _unreachable(name: str, error: Exception) -> DeviceUnreachableError:
    fix = "Check that the device is on, the name and port, and that `ssh` gets there."
    if isinstance(error, socket.gaierror):
        fix = "Check the spelling, or give the device's address."
    elif isinstance(error, ConnectionRefusedError | paramiko.ssh_exception.NoValidConnectionsError):
        fix = "Check the port, and that an SSH server runs on the device."
    return DeviceUnreachableError(f"{name} cannot be reached.", why=_words(error), fix=fix)


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "No answer in time."
    if isinstance(error, EOFError):
        return "The other side closed the connection."
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{said or type(error).__name__}".rstrip(".") + "."

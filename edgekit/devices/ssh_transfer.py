"""Files to and from a device: SFTP, and `cat` where there is no SFTP or it refuses without a reason."""

from __future__ import annotations

import errno
import io
import posixpath
import secrets
from typing import TYPE_CHECKING, BinaryIO, Protocol

from edgekit.errors import DeviceDiskFullError, DeviceRefusedError

if TYPE_CHECKING:
    import paramiko

    from edgekit.devices.device import Completed

# `cat` says why it fails, where SFTP only says "Failure".
_STORE = 'cat > "$1" && chmod "$2" "$1" && mv -f "$1" "$3" || { code=$?; rm -f "$1"; exit $code; }'
_FULL = (b"No space left", b"quota exceeded")


class Shell(Protocol):
    """What a transfer needs to run programs on the device."""

    @property
    def name(self) -> str:
        """How messages call the device."""
        ...

    def pipe(self, *argv: str, stdin: BinaryIO, timeout_seconds: float | None) -> Completed:
        """Run a program that reads `stdin`."""
        ...


class _Refusal(Exception):  # noqa: N818 - never leaves this module: it leads to the second way
    """SFTP refused, and said no more than its status."""


def store(shell: Shell, sftp: paramiko.SFTPClient | None, source: BinaryIO, remote: str, mode: int) -> None:
    """Put a file in place at once: written beside it under another name, then renamed.

    Raises:
        DeviceDiskFullError: no room.
        DeviceRefusedError: no such directory, or no right to write there.
        ConnectionLostError: the connection broke; what was at `remote` is untouched.
    """
    partial = f"{remote}.part-{secrets.token_hex(4)}"
    if sftp is not None:
        try:
            return _store_by_sftp(sftp, source, partial, remote, mode)
        except _Refusal:
            source.seek(0)
    return _store_by_cat(shell, source, partial, remote, mode)


def _store_by_sftp(sftp: paramiko.SFTPClient, source: BinaryIO, partial: str, remote: str, mode: int) -> None:
    try:
        sftp.putfo(source, partial)
        sftp.chmod(partial, mode)
        sftp.posix_rename(partial, remote)
    except OSError as error:
        if not _is_refusal(sftp, error):
            raise
        _remove_quietly(sftp, partial)
        raise _Refusal from error


def _is_refusal(sftp: paramiko.SFTPClient, error: OSError) -> bool:
    """Whether the server answered with a status, rather than the connection breaking."""
    channel = sftp.get_channel()
    alive = channel is not None and not channel.closed and not isinstance(error, TimeoutError)
    return alive and error.errno in (None, errno.ENOENT, errno.EACCES)


def _remove_quietly(sftp: paramiko.SFTPClient, path: str) -> None:
    try:
        sftp.remove(path)
    except OSError:
        return  # it was never made, or cannot be removed either


def _store_by_cat(shell: Shell, source: BinaryIO, partial: str, remote: str, mode: int) -> None:
    done = shell.pipe(
        "sh", "-c", _STORE, "sh", partial, f"{mode:o}", remote, stdin=source, timeout_seconds=None
    )
    if done.exit_code == 0:
        return
    words = _words(done)
    if any(full in done.stderr for full in _FULL):
        raise DeviceDiskFullError(
            f"The disk of {shell.name} is full.",
            why=f"{remote} could not be written: {words}",
            fix="Free some space there; `edgekit deploy --keep 1` keeps fewer old releases.",
        )
    raise DeviceRefusedError(
        f"{shell.name} refused to write {remote}.",
        why=words,
        fix=f"Check that {posixpath.dirname(remote) or 'the home directory'} exists there and is writable.",
    )


def fetch(shell: Shell, sftp: paramiko.SFTPClient | None, remote: str) -> bytes:
    """The content of a file on the device.

    Raises:
        DeviceRefusedError: no such file, or no right to read it.
        ConnectionLostError: the connection broke.
    """
    if sftp is not None:
        content = io.BytesIO()
        try:
            sftp.getfo(remote, content)
        except OSError as error:
            if not _is_refusal(sftp, error):
                raise
        else:
            return content.getvalue()
    done = shell.pipe("cat", remote, stdin=io.BytesIO(), timeout_seconds=None)
    if done.exit_code != 0:
        raise DeviceRefusedError(
            f"{shell.name} did not give {remote}.",
            why=_words(done),
            fix="Check that the file is there and readable.",
        )
    return done.stdout


def _words(done: Completed) -> str:
    return done.stderr.decode(errors="replace").strip() or f"Exit code {done.exit_code}, without a word."

"""Files to and from a device: SFTP, and `cat` where there is no SFTP or it refuses without a reason."""

from __future__ import annotations

import errno
import posixpath
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from edgekit.devices.ssh_errors import lost
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


def store(shell: Shell, sftp: paramiko.SFTPClient | None, local: Path, remote: str, mode: int) -> None:
    """Put a file in place at once: written beside it under another name, then renamed.

    Raises:
        DeviceDiskFullError: no room.
        DeviceRefusedError: no such directory, or no right to write there.
        ConnectionLostError: the connection broke; what was at `remote` is untouched.
    """
    partial = f"{remote}.part-{secrets.token_hex(4)}"
    with local.open("rb") as source:
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
    if done.exit_code < 0:
        raise lost(shell.name, f"sending {remote}", "The program that wrote the file was killed.")
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


def fetch(shell: Shell, sftp: paramiko.SFTPClient | None, remote: str, local: Path) -> None:
    """Copy a file from the device; `local` is complete or absent.

    Raises:
        DeviceRefusedError: no such file, or no right to read it.
        ConnectionLostError: the connection broke.
    """
    partial = local.with_name(f"{local.name}.part-{secrets.token_hex(4)}")
    try:
        if sftp is None or not _fetch_by_sftp(sftp, remote, partial):
            _fetch_by_cat(shell, remote, partial)
        partial.replace(local)
    finally:
        partial.unlink(missing_ok=True)


def _fetch_by_sftp(sftp: paramiko.SFTPClient, remote: str, partial: Path) -> bool:
    try:
        with partial.open("wb") as sink:
            sftp.getfo(remote, sink)
    except OSError as error:
        if not _is_refusal(sftp, error):
            raise
        return False
    return True


def _fetch_by_cat(shell: Shell, remote: str, partial: Path) -> None:
    with Path("/dev/null").open("rb") as nothing:
        done = shell.pipe("cat", remote, stdin=nothing, timeout_seconds=None)
    if done.exit_code != 0:
        raise DeviceRefusedError(
            f"{shell.name} did not give {remote}.",
            why=_words(done),
            fix="Check that the file is there and readable.",
        )
    partial.write_bytes(done.stdout)


def _words(done: Completed) -> str:
    return done.stderr.decode(errors="replace").strip() or f"Exit code {done.exit_code}, without a word."

"""This machine as a device: files are copied, programs are started."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.devices.device import Completed
from edgekit.errors import CommandTimedOutError, DeviceDiskFullError, DeviceRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a shell returns for a program that it cannot start; a device over SSH gives the same.
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_FULL = (errno.ENOSPC, errno.EDQUOT)


class LocalDevice:
    """This machine. Relative paths start at `home`, which is the user's unless given."""

    def __init__(self, home: Path | None = None) -> None:
        self._home = home or Path.home()

    @property
    def name(self) -> str:
        """How messages call this device."""
        return "this machine"

    def put(self, local: Path, remote: str, *, mode: int = 0o644) -> None:
        """Copy one file. What was at `remote` is replaced at once, or not at all.

        Raises:
            DeviceDiskFullError: no room.
            DeviceRefusedError: no such directory, or no right to write there.
        """
        destination = self._home / remote
        partial = destination.with_name(f"{destination.name}.part-{secrets.token_hex(4)}")
        with _refusals_translated(f"write {destination}"):
            try:
                shutil.copyfile(local, partial)
                partial.chmod(mode)
                partial.replace(destination)
            finally:
                partial.unlink(missing_ok=True)

    def get(self, remote: str, local: Path) -> None:
        """Copy one file from `remote`.

        Raises:
            DeviceRefusedError: no such file, or no right to read it.
        """
        with _refusals_translated(f"read {self._home / remote}"):
            shutil.copyfile(self._home / remote, local)

    def run(self, *argv: str, stdin: bytes = b"", timeout_seconds: float | None = 60.0) -> Completed:
        """Run a program in `home` to its end; see `Device.run`.

        Raises:
            CommandTimedOutError: it was still running after `timeout_seconds`, and was killed.
        """
        try:
            done = subprocess.run(
                argv,
                input=stdin,
                capture_output=True,
                cwd=self._home,
                env=_environment(),
                timeout=timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CommandTimedOutError(
                f"`{argv[0]}` did not end on this machine.",
                why=f"It was still running after {timeout_seconds:g} s, and was killed.",
                fix="See what else keeps this machine busy, then try again.",
            ) from error
        except FileNotFoundError as error:
            return Completed(argv=argv, exit_code=_NOT_FOUND, stdout=b"", stderr=os.fsencode(str(error)))
        except OSError as error:  # no right to run it, or a program for another CPU
            return Completed(argv=argv, exit_code=_NOT_EXECUTABLE, stdout=b"", stderr=os.fsencode(str(error)))
        code = _as_shell(done.returncode)
        return Completed(argv=argv, exit_code=code, stdout=done.stdout, stderr=done.stderr)

    @contextmanager
    def start(self, *argv: str) -> Iterator[LocalProgram]:
        """Start a program to talk to; see `Device.start`.

        Raises:
            DeviceRefusedError: it cannot be started.
        """
        try:
            # A session of its own: Ctrl-C is for us, and the program sees it as the end of its input.
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self._home,
                env=_environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise DeviceRefusedError(
                f"This machine cannot start `{argv[0]}`.", why=f"{error}.", fix="Check that it is installed."
            ) from error
        with process:
            yield LocalProgram(process)


class LocalProgram:
    """A program started on this machine; see `Started`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def line(self) -> bytes:
        """The next line it prints."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip(b"\n")

    def answer(self, text: bytes) -> int:
        """Send the last input and wait for the end."""
        self._process.communicate(text)
        return _as_shell(self._process.returncode)


def _environment() -> dict[str, str]:
    """Ours, and where a program finds the Python packages that EdgeKit was installed with."""
    return {"EDGEKIT_LITERT_PYTHON": sys.executable, **os.environ}


def _as_shell(returncode: int) -> int:
    return 128 - returncode if returncode < 0 else returncode


@contextmanager
def _refusals_translated(doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        refused = DeviceDiskFullError if error.errno in _FULL else DeviceRefusedError
        raise refused(
            f"Cannot {doing}.",
            why=f"This machine says: {error.strerror or error}.",
            fix="Free some space." if error.errno in _FULL else "Check the path and its permissions.",
        ) from error

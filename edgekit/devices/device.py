"""What a device is: something that takes files, gives files and runs programs. No more."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Completed:
    """A program that ran on a device to its end."""

    argv: tuple[str, ...]
    exit_code: int  # as in a shell: 127 when there is no such program, 128 + n when signal n ended it
    stdout: bytes
    stderr: bytes


class Started(Protocol):
    """A program that runs on a device and is talked to: it prints lines and waits for an answer.

    Its input ends when the answer is given, the `with` block is left, the connection breaks or this
    process dies; so a program that waits for its input notices all of these.
    """

    def line(self) -> bytes:
        """The next line it prints, without its end; empty when it printed no more."""
        ...

    def answer(self, text: bytes) -> int:
        """Send the last input, wait for the program's end and return its exit code."""
        ...


class Device(Protocol):
    """A machine that can run a bundle.

    Paths on the device are POSIX strings. `~` is not expanded, but relative paths and programs
    start in the user's home directory.

    All methods raise an `EdgeKitError` with exit code 5 when the device cannot be reached or
    refuses; a program's own non-zero exit is not an error here, but part of `Completed`.
    """

    @property
    def name(self) -> str:
        """How messages call it: "pi@pi.local:22", "this machine", "emulated rpi4"."""
        ...

    def put(self, local: Path, remote: str, *, mode: int = 0o644) -> None:
        """Copy one file to the device. What was there is replaced at once, or not at all."""
        ...

    def get(self, remote: str, local: Path) -> None:
        """Copy one file from the device."""
        ...

    def run(self, *argv: str, stdin: bytes = b"", timeout_seconds: float | None = 60.0) -> Completed:
        """Run a program to its end. No shell sees `argv`; a transport that needs one quotes once."""
        ...

    def start(self, *argv: str) -> AbstractContextManager[Started]:
        """Start a program to talk to; see `Started`."""
        ...

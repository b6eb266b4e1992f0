"""What a device is: something that takes files, gives files and runs programs. No more."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Completed:
    """A program that ran on a device to its end."""

    argv: tuple[str, ...]
    exit_code: int  # negative when a signal ended it; 127 when there is no such program
    stdout: bytes
    stderr: bytes


class Device(Protocol):
    """A machine that can run a bundle.

    Paths on the device are POSIX strings. `~` is not expanded, but relative paths and programs
    start in the user's home directory.

    All three methods raise an `EdgeKitError` with exit code 5 when the device cannot be reached or
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

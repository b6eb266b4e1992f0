"""Naming a process so that its number, used again by another, is not mistaken for it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import time
from pathlib import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Process:
    """A process of this machine: its number, when it started, and in which uptime of the machine."""

    pid: int
    started: int  # clock ticks after boot
    boot: str

    @property
    def is_running(self) -> bool:
        """Whether this very process still exists (and is no zombie)."""
        return _start_time(self.pid) == self.started and _boot_id() == self.boot

    def stop(self, patience_seconds: float = 5.0) -> None:
        """Ask it to end, and make it end if it has not after a while. Nothing if it is gone."""
        for number, seconds in ((signal.SIGTERM, patience_seconds), (signal.SIGKILL, 5.0)):
            if not self.is_running:
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            deadline = time.monotonic() + seconds
            while self.is_running and time.monotonic() < deadline:
                time.sleep(0.02)


def identify(pid: int) -> Process | None:
    """The process that has this number now; None if there is none."""
    started = _start_time(pid)
    return None if started is None else Process(pid=pid, started=started, boot=_boot_id())


def _start_time(pid: int) -> int | None:
    try:
        # Fields are counted after the name, which is in parentheses and may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()

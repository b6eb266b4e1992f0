"""What is known of a board that was brought up: one JSON file in its folder, and the processes behind it."""

from __future__ import annotations

import dataclasses
import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Any

from edgekit.devices.emulated.processes import Process


class Mode(StrEnum):
    """How a board is emulated."""

    AUTO = "auto"  # only as a wish: the first that works
    USERLAND = "userland"  # QEMU's user-mode emulation under this machine's kernel
    SYSTEM = "system"  # QEMU emulates the whole machine, with a kernel of its own


@dataclasses.dataclass(frozen=True, kw_only=True)
class BoardInfo:
    """A board that is up, and how to reach it over SSH."""

    name: str  # the target's
    architecture: str  # "aarch64", "armv7"
    mode: Mode
    reason: str  # why this mode was chosen, for people
    host: str
    port: int
    user: str
    identity: Path  # private key
    known_hosts: Path
    rootfs: Path  # on this machine; shared by boards and never written to
    home: Path | None  # the board user's home directory on this machine, if it is one here
    processes: tuple[Process, ...]  # what keeps it up: all of them run, or the board is down

    @property
    def pid(self) -> int:
        """The process that is the board's machine: the namespace's keeper, or QEMU."""
        return self.processes[0].pid

    @property
    def is_up(self) -> bool:
        """Whether all of its processes run."""
        return all(process.is_running for process in self.processes)

    def ssh_options(self) -> tuple[str, ...]:
        """Options for `ssh`, `scp` and `sftp`, which then read no configuration of the user's."""
        settings = {
            "IdentityFile": f'"{self.identity}"',
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": f'"{self.known_hosts}"',
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
            "User": self.user,
            "Port": str(self.port),
        }
        return ("-F", "none", *(word for key, value in settings.items() for word in ("-o", f"{key}={value}")))


def boards_directory() -> Path:
    """One folder a board: keys, logs and the home directory, which outlives the board's processes.

    It is in $XDG_STATE_HOME/edgekit, else ~/.local/state/edgekit.
    """
    # The XDG specification says that a relative value is to be ignored.
    configured = Path(os.environ.get("XDG_STATE_HOME", ""))
    base = configured if configured.is_absolute() else Path.home() / ".local/state"
    return base / "edgekit/boards"


def board_directory(name: str) -> Path:
    """The folder of one board."""
    return boards_directory() / name


def save(info: BoardInfo) -> None:
    """Write a board's record, replacing the old one in one step."""
    path = board_directory(info.name) / "board.json"
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(dataclasses.asdict(info), default=str, indent=2))
    draft.replace(path)


def load(name: str) -> BoardInfo | None:
    """A board's record, whether it is still up or not; None where there is none that can be read."""
    try:
        fields: dict[str, Any] = json.loads((board_directory(name) / "board.json").read_text())
        paths = {key: Path(fields[key]) for key in ("identity", "known_hosts", "rootfs")}
        home = Path(fields["home"]) if fields["home"] is not None else None
        processes = tuple(Process(**process) for process in fields["processes"])
        changed = {**paths, "home": home, "processes": processes, "mode": Mode(fields["mode"])}
        return BoardInfo(**{**fields, **changed})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget(name: str) -> None:
    """Drop a board's record; its keys and its home directory stay."""
    (board_directory(name) / "board.json").unlink(missing_ok=True)


def names() -> tuple[str, ...]:
    """The boards that have a record."""
    return tuple(sorted(path.parent.name for path in boards_directory().glob("*/board.json")))

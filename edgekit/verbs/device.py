"""The emulated board as a verb: up, down, status, and the command that logs in to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.devices.emulated.board import BoardInfo, Mode, board_down, board_info, board_status, board_up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgekit.target import Target

    Progress = Callable[[str, float | None], None]

__all__ = ["BoardInfo", "Mode", "device_down", "device_ssh_command", "device_status", "device_up"]


def device_up(
    target: Target, *, mode: Mode = Mode.AUTO, litert: bool = False, progress: Progress | None = None
) -> BoardInfo:
    """Bring up the emulated board of a target; a board that is up already is left as it is.

    Args:
        target: an aarch64 or armv7 board.
        mode: userland emulation, full-system emulation, or the first of them that works here.
        litert: have Python and LiteRT on it; a board that is up without them is restarted.
        progress: told what is being done; the first time takes about 15 s, later ones under a second.

    Raises:
        NotEmulatedError: the target is no ARM board.
        NoEmulationError: this machine allows no way to emulate it; says why for each.
        ToolMissingError: QEMU, sshd or another program is not installed.
        EmulatorFailedError: a step failed, such as fetching packages.
        PackageUnavailableError: LiteRT has no wheel for the target (for aarch64 it has), or no network is up.
    """
    return board_up(target, mode=mode, litert=litert, progress=progress or _silent)


def device_down(name: str) -> bool:
    """Take the board of the target `name` down. Its home directory stays. Returns whether it was up."""
    return board_down(name)


def device_status() -> tuple[BoardInfo, ...]:
    """All emulated boards that are up."""
    return board_status()


def device_ssh_command(name: str, command: Sequence[str] = ()) -> tuple[str, ...]:
    """The `ssh` command line that logs in to a board, or runs a command on it as `ssh` would.

    Raises:
        BoardNotRunningError: the board is not up.
    """
    board = board_info(name)
    return ("ssh", *board.ssh_options(), board.host, *command)


def _silent(stage: str, fraction: float | None) -> None:
    """Progress that nobody watches."""

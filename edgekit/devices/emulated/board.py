"""Emulated boards: bring one up for a target, take it down, say how it is. One board a target.

A board keeps its home directory and its keys from one start to the next, so what was deployed
stays deployed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from edgekit.devices.emulated import sshd, state, system, userland
from edgekit.devices.emulated.identity import architecture_of
from edgekit.devices.emulated.rootfs import has_litert, locked
from edgekit.devices.emulated.state import BoardInfo, Mode
from edgekit.errors import BoardNotRunningError, NoEmulationError, WrongValueError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.target import Target

    Progress = Callable[[str, float | None], None]

__all__ = ["BoardInfo", "Mode", "board_down", "board_info", "board_status", "board_up", "only_board"]

_MODE_VARIABLE = "EDGEKIT_BOARD_MODE"


def board_up(
    target: Target, *, mode: Mode = Mode.AUTO, litert: bool = False, progress: Progress
) -> BoardInfo:
    """Bring up the emulated board of a target, or return the one that is up already.

    Args:
        target: an aarch64 or armv7 board.
        mode: userland or system emulation; by default $EDGEKIT_BOARD_MODE, else userland where the
            kernel allows it and system emulation otherwise. A board that is up in another mode than
            the one asked for is restarted.
        litert: have Python and LiteRT on it, as users of `--engine litert` do. A board that is up
            without them is restarted.
        progress: told what is being done.

    Raises:
        NotEmulatedError: the target is no ARM board.
        WrongValueError: $EDGEKIT_BOARD_MODE names no mode.
        NoEmulationError: none of the ways works on this machine; says why for each.
        ToolMissingError: QEMU, sshd or another program is not installed.
        EmulatorFailedError: a step failed, such as fetching packages.
        PackageUnavailableError: LiteRT has no wheel for the target (for aarch64 it has), or no network is up.
    """
    architecture_of(target)
    wanted = _configured() if mode is Mode.AUTO else mode
    with locked(state.board_directory(target.name)):
        known = state.load(target.name)
        if known is not None and _serves(known, wanted, litert):
            return known
        if known is not None:
            _stop(known)
        info = _start(target, wanted, progress, known.port if known is not None else None, litert=litert)
        state.save(info)
    return info


def board_down(name: str) -> bool:
    """Take a board down, killing what runs on it. Returns whether it was up."""
    with locked(state.board_directory(name)):
        known = state.load(name)
        if known is None:
            return False
        was_up = known.is_up
        _stop(known)
        state.forget(name)
    return was_up


def board_status() -> tuple[BoardInfo, ...]:
    """All boards that are up."""
    records = (state.load(name) for name in state.names())
    return tuple(record for record in records if record is not None and record.is_up)


def board_info(name: str) -> BoardInfo:
    """A board that is up.

    Raises:
        BoardNotRunningError: it is down.
    """
    known = state.load(name)
    if known is None or not known.is_up:
        raise BoardNotRunningError(
            f"The emulated board {name!r} is not up.",
            why="It was not started, or this machine was restarted since.",
            fix=f"edgekit device up --target {name}",
        )
    return known


def only_board() -> BoardInfo:
    """The one board that is up, where nothing says which is meant.

    Raises:
        BoardNotRunningError: none is up, or several are.
    """
    up = board_status()
    if not up:
        raise BoardNotRunningError(
            "No emulated board is up.",
            why="Nothing says which one to start either: no target was named, and no build.",
            fix="edgekit device up --target rpi4, or another board that `edgekit targets` lists.",
        )
    if len(up) > 1:
        raise BoardNotRunningError(
            "It is not clear which emulated board is meant.",
            why=f"Several are up: {', '.join(board.name for board in up)}.",
            fix="Name it with --target, or stop the others: edgekit device down --target NAME.",
        )
    return up[0]


def _configured() -> Mode:
    """The mode that the user's environment asks for."""
    value = os.environ.get(_MODE_VARIABLE) or Mode.AUTO
    try:
        return Mode(value)
    except ValueError:
        raise WrongValueError(
            f"${_MODE_VARIABLE} is {value!r}.",
            why=f"A board is emulated in one of these modes: {', '.join(Mode)}.",
            fix=nearest(
                value, [each.value for each in Mode], f"Set it to one of these, or unset {_MODE_VARIABLE}."
            ),
        ) from None


def _serves(board: BoardInfo, wanted: Mode, litert: bool) -> bool:
    return (
        wanted in (Mode.AUTO, board.mode)
        and board.is_up
        and board.rootfs.is_dir()
        and (has_litert(board.rootfs) or not litert)
        and sshd.answers(board.port)
    )


def _stop(board: BoardInfo) -> None:
    if board.mode is Mode.SYSTEM and board.is_up:
        system.flush(board)
    # The server first, so that no new session enters while the machine goes.
    for process in reversed(board.processes):
        process.stop()


def _start(target: Target, mode: Mode, progress: Progress, port: int | None, *, litert: bool) -> BoardInfo:
    if mode is Mode.SYSTEM:
        return system.start(target, progress, port, "it was asked for", litert=litert)
    try:
        return userland.start(target, progress, port, litert=litert)
    except NoEmulationError as impossible:
        if mode is Mode.USERLAND:
            raise
        progress("the userland emulation is not possible here; emulating a whole machine", None)
        return system.start(target, progress, port, impossible.why, litert=litert)

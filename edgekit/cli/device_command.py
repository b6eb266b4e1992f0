"""`edgekit device`: start, stop and enter the emulated board."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.options import json_option
from edgekit.cli.output import emit_json, note, progress, table

if TYPE_CHECKING:
    from edgekit.devices.emulated.board import BoardInfo

_DEFAULT_TARGET = "rpi4"
running_option = click.option(
    "--target", "name", metavar="TARGET", help="The board's target; by default the one board that is up."
)


@click.group()
def command() -> None:
    """Start, stop and enter an emulated board: a real SSH server into an ARM userland.

    \b
    Examples:
      edgekit device up --target rpi4
      edgekit device ssh -- uname -m
      edgekit device down
    """


@command.command()
@click.option(
    "--target",
    "name",
    metavar="TARGET",
    help="The board, as 'edgekit targets' names it; by default this project's target, else "
    f"{_DEFAULT_TARGET}.",
)
@click.option("--userland", "mode", flag_value="userland", help="Only QEMU's user-mode emulation.")
@click.option("--system", "mode", flag_value="system", help="Only the emulation of a whole machine.")
@click.option("--litert", is_flag=True, help="With Python and LiteRT on it, for builds with --engine litert.")
@json_option
def up(name: str | None, mode: str | None, litert: bool, as_json: bool) -> None:
    """Bring the board up. Nothing happens if it is up already."""
    from edgekit.project import find_project
    from edgekit.target import load_target
    from edgekit.verbs.device import Mode, device_up

    project = find_project(Path.cwd()) if name is None else None
    target = load_target(name or (project and project.target) or _DEFAULT_TARGET)
    with progress() as report:
        board = device_up(target, mode=Mode(mode or "auto"), litert=litert, progress=report)
    if as_json:
        emit_json(_document(board))
        return
    _show((board,))
    note(f"{board.mode} emulation, because {board.reason}")
    note(f"enter it: edgekit device ssh --target {board.name}")


@command.command()
@running_option
@click.option("--all", "everything", is_flag=True, help="All boards that are up.")
@json_option
def down(name: str | None, everything: bool, as_json: bool) -> None:
    """Take the board down. What lies in its home directory stays for the next time."""
    from edgekit.verbs.device import device_down

    stopped = [each for each in _meant(name, everything=everything) if device_down(each)]
    if as_json:
        emit_json({"stopped": stopped})
    elif stopped:
        click.echo(f"stopped: {', '.join(stopped)}")
    else:
        click.echo("nothing was up" if name is None else f"{name} was not up")


@command.command()
@json_option
def status(as_json: bool) -> None:
    """Show which boards are up, and how to reach them."""
    from edgekit.verbs.device import device_status

    boards = device_status()
    if as_json:
        emit_json({"boards": [_document(board) for board in boards]})
    elif boards:
        _show(boards)
    else:
        click.echo("no emulated board is up")


@command.command(context_settings={"ignore_unknown_options": True})
@running_option
@click.argument("words", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
def ssh(name: str | None, words: tuple[str, ...]) -> None:
    """Log in to the board with the real ssh, or run a command on it; its exit code is returned."""
    from edgekit.devices.emulated.board import only_board
    from edgekit.devices.emulated.tools import find_tool
    from edgekit.verbs.device import device_ssh_command

    argv = device_ssh_command(name or only_board().name, words)
    os.execv(find_tool(argv[0]), argv)


def _meant(name: str | None, *, everything: bool) -> list[str]:
    """The boards to take down: a named one, all, or the one that is up."""
    from edgekit.devices.emulated.board import only_board
    from edgekit.verbs.device import device_status

    if name is not None and not everything:
        return [name]
    up = [board.name for board in device_status()]
    return up if everything or not up else [only_board().name]


def _document(board: BoardInfo) -> dict[str, object]:
    return {
        "name": board.name,
        "architecture": board.architecture,
        "mode": board.mode.value,
        "reason": board.reason,
        "host": board.host,
        "port": board.port,
        "user": board.user,
        "identity": str(board.identity),
        "known_hosts": str(board.known_hosts),
        "rootfs": str(board.rootfs),
        "pid": board.pid,
    }


def _show(boards: tuple[BoardInfo, ...]) -> None:
    rows = [
        (b.name, b.architecture, b.mode.value, f"{b.user}@{b.host}:{b.port}", str(b.identity)) for b in boards
    ]
    table(("board", "architecture", "emulation", "address", "identity"), rows)

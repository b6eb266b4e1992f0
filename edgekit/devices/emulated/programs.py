"""Running one ARM program of this machine's file system under QEMU, without a board."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from edgekit.devices.emulated.identity import architecture_of
from edgekit.devices.emulated.rootfs import userland
from edgekit.devices.emulated.tools import find_tool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from edgekit.target import Target

    Progress = Callable[[str, float | None], None]


def qemu_name(target: Target) -> str:
    """The emulator's program for a target's architecture.

    Raises:
        NotEmulatedError: the target is no ARM board.
    """
    return f"qemu-{architecture_of(target).qemu}"


def qemu_command(target: Target, tree: Path, environment: Mapping[str, str]) -> list[str]:
    """The words before an ARM program's own that start it as on a target's CPU.

    Args:
        target: gives the architecture and QEMU's -cpu.
        tree: the root filesystem that the program sees; what it lacks is looked for on this machine.
        environment: of the program; start QEMU with an empty one.

    Raises:
        ToolMissingError: QEMU is not installed.
    """
    settings = [word for name, value in environment.items() for word in ("-E", f"{name}={value}")]
    return [
        find_tool(qemu_name(target)),
        "-cpu",
        target.emulated_cpu,
        "-L",
        str(tree),
        "-seed",
        "1",
        *settings,
    ]


def run_program(
    argv: Sequence[str | Path], target: Target, *, progress: Progress
) -> subprocess.CompletedProcess[bytes]:
    """Run an ARM program to its end on a target's CPU; its exit code is for the caller to judge.

    Raises:
        NotEmulatedError: the target is no ARM board.
        ToolMissingError: QEMU is not installed.
    """
    tree = userland(architecture_of(target).debian, progress)
    command = [*qemu_command(target, tree, {}), *(str(word) for word in argv)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env={}, check=False)

"""Running an image under QEMU; what it reads and writes are files of a folder."""

from __future__ import annotations

import dataclasses
import subprocess
from typing import TYPE_CHECKING, Protocol

from edgekit.devices.emulated.counting_plugin import run_plugged
from edgekit.devices.emulated.microcontroller.machine import machine_of
from edgekit.devices.emulated.tools import find_tool, run_tool
from edgekit.errors import CommandTimedOutError

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.devices.emulated.microcontroller.machine import Machine
    from edgekit.target import Target


@dataclasses.dataclass(frozen=True, kw_only=True)
class Executed:
    """An image that ran to its end."""

    exit_code: int  # of its main, or one of start-up's
    printed: str
    intervals: tuple[int, ...]  # instructions between each two marks; empty if they were not counted
    emulator: str  # "QEMU emulator version 7.2.22 (...), -M mps2-an386", or what drives a board's probe


class Executor(Protocol):
    """What runs images: an emulated microcontroller, or a board by its debug probe."""

    @property
    def name(self) -> str:
        """How messages call it: "emulated cortex-m4"."""

    def execute(self, image: Path, directory: Path, *, count: bool, timeout_seconds: float) -> Executed:
        """Run an image to its end; see `execute` below."""


@dataclasses.dataclass(frozen=True)
class Emulator:
    """QEMU's machine for a target."""

    target: Target

    @property
    def name(self) -> str:
        """See `Executor`."""
        return f"emulated {self.target.name}"

    def execute(self, image: Path, directory: Path, *, count: bool, timeout_seconds: float) -> Executed:
        """See `Executor`."""
        return execute(image, self.target, directory, count=count, timeout_seconds=timeout_seconds)


def execute(
    image: Path, target: Target, directory: Path, *, count: bool = False, timeout_seconds: float = 300.0
) -> Executed:
    """Run an image on the machine that stands in for a target.

    Args:
        image: made for that target.
        target: gives the machine.
        directory: where the image finds and leaves its files.
        count: the instructions between marks, too.
        timeout_seconds: for all of it.

    Raises:
        NotEmulatedError: there is no such machine.
        ToolMissingError: QEMU is not installed.
        CommandTimedOutError: it did not end in time.
    """
    machine = machine_of(target)
    version = _version(machine)
    cpu = ("-cpu", target.emulated_cpu) if target.emulated_cpu else ()
    command = [
        find_tool(machine.qemu),
        *("-M", machine.name, *cpu, *machine.options),
        *("-display", "none", "-monitor", "none", "-serial", "none"),
        *("-semihosting-config", "enable=on,target=native"),
    ]
    try:
        if count:
            done, intervals = run_plugged(
                command, ("-kernel", str(image)), version, timeout_seconds, directory=directory
            )
        else:
            done = subprocess.run(
                [*command, "-kernel", str(image)],
                cwd=directory,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_seconds,
                check=False,
            )
            intervals = ()
    except subprocess.TimeoutExpired:
        raise CommandTimedOutError(
            f"The image did not end within {timeout_seconds:g} s on the emulated {target.name}.",
            why="It hangs, or the model is far too large for this core.",
            fix="Give it fewer frames.",
        ) from None
    return Executed(
        exit_code=done.returncode,
        printed=(done.stdout + done.stderr).decode(errors="replace"),
        intervals=intervals,
        emulator=_name(machine, version),
    )


def emulator_name(target: Target) -> str:
    """QEMU's name and version, and the machine that stands in for a target.

    Raises:
        NotEmulatedError: there is no such machine.
        ToolMissingError: QEMU is not installed.
    """
    machine = machine_of(target)
    return _name(machine, _version(machine))


def _version(machine: Machine) -> str:
    return run_tool(machine.qemu, "--version", purpose="Asking QEMU's version").splitlines()[0]


def _name(machine: Machine, version: str) -> str:
    return f"{version}, -M {machine.name}"

"""OpenOCD: programs a board by its debug probe, starts it, and serves its semihosting, as QEMU does.

One run of the program does all of it, without GDB: with no debugger attached, OpenOCD ends with the exit code
that the image gives to SYS_EXIT_EXTENDED (src/target/semihosting_common.c of 0.12). The image's files are
those of the folder that OpenOCD runs in; what it prints is on stdout, and OpenOCD's own words on stderr.
"""

from __future__ import annotations

import dataclasses
import subprocess
from typing import TYPE_CHECKING, NoReturn

from edgekit.devices.emulated.microcontroller.execute import Executed
from edgekit.devices.emulated.tools import find_tool
from edgekit.errors import CommandTimedOutError, ProbeFailedError, ProbeMissingError

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.target import Target

_PROGRAM = "openocd"
_FAILED = 1  # its exit code where it gave up; no image of ours ends with it (startup.h, main.c)
# Without servers nothing else talks to the board meanwhile, and several OpenOCDs do not meet on a port.
_NO_SERVERS = ("gdb_port disabled", "tcl_port disabled", "telnet_port disabled")
# What the drivers of ST-LINK, J-Link and CMSIS-DAP say where none is attached, or none of that serial number.
_NO_PROBE = ("open failed", "No J-Link device found", "unable to find a matching CMSIS-DAP device")
_SHOWN_LINES = 6


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpenOcd:
    """A board with a debug probe, which runs images that are linked for it.

    Every run programs the flash: a board keeps what it has, and nobody knows what that is.
    """

    target: Target
    serial: str | None = None  # of the probe; None: the only one

    @property
    def name(self) -> str:
        """See `Executor`."""
        return f"{self.target.name} (debug probe)"

    def execute(self, image: Path, directory: Path, *, count: bool, timeout_seconds: float) -> Executed:
        """Program an image into the board's flash, check it there, and run it to its end.

        Args:
            image: linked for the board.
            directory: where the image finds and leaves its files.
            count: not on a board, whose instructions nothing counts.
            timeout_seconds: for all of it.

        Raises:
            ToolMissingError: OpenOCD is not installed.
            ProbeMissingError: there is no probe.
            ProbeFailedError: the board cannot be programmed or started.
            CommandTimedOutError: it did not end in time.
        """
        assert not count, "a board's instructions cannot be counted"
        command = [find_tool(_PROGRAM, "It drives the debug probe."), *self._words(image)]
        try:
            done = subprocess.run(
                command,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CommandTimedOutError(
                f"The image did not end within {timeout_seconds:g} s on the {self.name}.",
                why="It hangs, the board is another than it was built for, or the model is far too large.",
                fix="Give it fewer frames; see by --emulated whether the build itself runs.",
            ) from None
        if done.returncode == _FAILED or done.returncode < 0:
            self._explain(done.stderr.decode(errors="replace"))
        return Executed(
            exit_code=done.returncode,
            printed=done.stdout.decode(errors="replace"),
            intervals=(),
            emulator=_PROGRAM,
        )

    def _words(self, image: Path) -> list[str]:
        """The arguments: the board's scripts, then commands in the order in which they are executed."""
        assert self.target.microcontroller is not None, self.target.name
        scripts = self.target.microcontroller.openocd
        # Before `init`, which opens the probe. Braces keep a path with spaces one word of Tcl.
        chosen = () if self.serial is None else (f"adapter serial {{{self.serial}}}",)
        run = (
            "init",
            f"program {{{image}}} verify",
            "reset halt",  # as the chip starts, not as the script set its clocks for programming
            "arm semihosting enable",
            "resume",
        )
        return [
            *(word for script in scripts for word in ("-f", script)),
            *(word for command in (*_NO_SERVERS, *chosen, *run) for word in ("-c", command)),
        ]

    def _explain(self, log: str) -> NoReturn:
        """Raise what OpenOCD's words mean."""
        errors = [line.strip() for line in log.splitlines() if line.startswith("Error:")]
        told = "; ".join(errors[-_SHOWN_LINES:]) or log.strip()[-500:] or "It said nothing."
        if any(words in line for line in errors for words in _NO_PROBE):
            which = "" if self.serial is None else f" with the serial number {self.serial}"
            raise ProbeMissingError(
                f"There is no debug probe{which} for {self.target.name}.",
                why=f"OpenOCD says: {told}",
                fix="Plug it in; 'lsusb' shows whether it is there. OpenOCD's udev rules let a user open it.",
            )
        raise ProbeFailedError(
            f"{self.target.name} could not be programmed or started by its debug probe.",
            why=f"OpenOCD says: {told}",
            fix="See that the board has power, is the one built for, and does not protect its flash.",
        )

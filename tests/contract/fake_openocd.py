"""Stands in for OpenOCD with a probe and an STM32F446 board; tests put it on the PATH as `openocd`.

It takes OpenOCD's arguments and does what OpenOCD 0.12 does with them: in the same order, with its words on
stderr and its exit codes. The board is QEMU's netduinoplus2, an STM32F405: the same core, with flash and RAM
at the same addresses. FAKE_OPENOCD_FAULT chooses what goes wrong.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

from elftools.elf.elffile import ELFFile

SCRIPTS = ("board/st_nucleo_f4.cfg",)
SERIAL = "066BFF515049657187212124"
FLASH = range(0x0800_0000, 0x0808_0000)


def fail(*lines: str) -> NoReturn:
    """End as OpenOCD does where a command fails."""
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.exit(1)


class Session:
    """What was configured and done so far."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.serial = SERIAL
        self.opened = self.halted = self.semihosting = False
        self.image: Path | None = None

    def execute(self, command: str) -> None:
        """Execute one command of OpenOCD."""
        if re.fullmatch(r"(gdb|tcl|telnet)_port disabled", command):
            assert not self.opened, "the servers start at init"
        elif given := re.fullmatch(r"adapter serial \{(.*)\}", command):
            assert not self.opened, "OpenOCD allows it before init only"
            self.serial = given[1]
        elif command == "init":
            self.init()
        elif given := re.fullmatch(r"program \{(.*)\} verify", command):
            self.program(Path(given[1]))
        elif command == "reset halt":
            assert self.opened
            self.halted = True
        elif command == "arm semihosting enable":
            assert self.halted, "the board must not run before semihosting is there"
            self.semihosting = True
        elif command == "resume":
            self.resume()
        else:
            fail(f'invalid command name "{command}"')

    def init(self) -> None:
        """Open the probe and look for the chip."""
        if self.fault == "no probe" or self.serial != SERIAL:
            fail("Info : clock speed 2000 kHz", "Error: open failed")
        if self.fault == "no power":
            fail("Info : Target voltage: 0.003", "Error: init mode failed (unable to connect to the target)")
        self.opened = True

    def program(self, image: Path) -> None:
        """Take what of an ELF file lies in the flash."""
        assert self.opened
        if self.fault == "protected":
            fail(
                "Error: stm32x device protected",
                "Error: failed erasing sectors 0 to 1",
                "** Programming Failed **",
            )
        with image.open("rb") as stream:
            segments = [each for each in ELFFile(stream).iter_segments("PT_LOAD") if each["p_filesz"]]
            for segment in segments:
                start, last = segment["p_paddr"], segment["p_paddr"] + segment["p_filesz"] - 1
                if start not in FLASH or last not in FLASH:
                    fail(f"Error: no flash bank found for address {start:#010x}", "** Programming Failed **")
        self.image = image

    def resume(self) -> None:
        """Run the board; it ends by a call of the image."""
        assert self.semihosting
        assert self.image is not None
        if self.fault == "hangs":
            time.sleep(60)
        board = ("qemu-system-arm", "-M", "netduinoplus2", "-display", "none", "-monitor", "none")
        host = ("-serial", "none", "-semihosting-config", "enable=on,target=native")
        done = subprocess.run([*board, *host, "-kernel", str(self.image)], check=False, stdout=1, stderr=1)
        sys.exit(done.returncode)


def main() -> None:
    """Execute the arguments in order."""
    sys.stderr.write("Open On-Chip Debugger 0.12.0\nLicensed under GNU GPL v2\n")
    session = Session(os.environ.get("FAKE_OPENOCD_FAULT", ""))
    words = iter(sys.argv[1:])
    for option in words:
        word = next(words)
        if option == "-c":
            session.execute(word)
        elif option != "-f" or word not in SCRIPTS:
            fail(f"embedded:startup.tcl:28: Error: Can't find {word}")
    fail("Error: nothing was resumed")


if __name__ == "__main__":
    main()

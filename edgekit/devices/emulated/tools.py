"""Running the host's programs: the one place where a missing or failing one becomes a message."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from edgekit.errors import EmulatorFailedError, ToolMissingError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# The Debian and Ubuntu package that has each program.
_PACKAGES = {
    "apt-config": "apt",
    "apt-get": "apt",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi",
    "cc": "gcc",
    "dpkg-deb": "dpkg",
    "mke2fs": "e2fsprogs",
    "openocd": "openocd",
    "qemu-aarch64": "qemu-user",
    "qemu-aarch64-static": "qemu-user-static",
    "qemu-arm": "qemu-user",
    "qemu-arm-static": "qemu-user-static",
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-riscv32": "qemu-system-misc",
    "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "tar": "tar",
}
# sshd and mke2fs are not on an ordinary user's PATH.
_ADMINISTRATION = "/usr/local/sbin:/usr/sbin:/sbin"


def find_tool(name: str, why: str = "Emulation needs it on this machine.") -> str:
    """Absolute path of a host program; `why` is what it is needed for.

    Raises:
        ToolMissingError: it is not installed; the message names the package that has it.
    """
    found = shutil.which(name) or shutil.which(name, path=_ADMINISTRATION)
    if found is None:
        raise ToolMissingError(
            f"The program {name!r} is not installed.",
            why=why,
            fix=f"As root: apt-get install {_PACKAGES.get(name, name)}",
        )
    return found


def run_tool(
    *argv: str,
    purpose: str,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> str:
    """Run a host program to its end and return what it printed on stdout.

    Raises:
        ToolMissingError: the program is not installed.
        EmulatorFailedError: it returned an error; `purpose` and its own words are in the message.
    """
    done = subprocess.run(
        [find_tool(argv[0]), *argv[1:]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
        cwd=directory,
        check=False,
    )
    if done.returncode != 0:
        raise EmulatorFailedError(
            f"{purpose} failed.",
            why=f"{argv[0]} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-1500:]}",
            fix=f"Run it by hand to see more: {' '.join(argv)}",
        )
    return done.stdout

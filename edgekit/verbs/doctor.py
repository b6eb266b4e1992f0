"""Look at every tool that EdgeKit uses, and say how to install what is missing."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.devices.emulated.tools import find_tool
from edgekit.errors import EdgeKitError, ToolMissingError
from edgekit.paths import cache_directory
from edgekit.toolchain import zig_version

if TYPE_CHECKING:
    from collections.abc import Callable

# The exact releases that pyproject.toml asks for (a test compares the two); None is any release.
PINS: dict[str, str | None] = {
    "apache-tvm": "0.27.0.post1",
    "apache-tvm-ffi": "0.1.14.post1",
    "click": None,
    "flatbuffers": None,
    "numpy": None,
    "paramiko": None,
    "pyelftools": None,
    "rich": None,
    "tflite": "2.18.0",
    "ziglang": "0.17.1",
}
ORACLE = ("tflite-micro", "0.dev20261023182759")
LITERT = ("ai-edge-litert", "2.3.0")  # the extra `litert`

_OLDEST_PYTHON = (3, 11)
_NAMESPACED_BINFMT_KERNEL = (6, 7)  # from here on a user may register an emulator for himself
_CACHE_NEEDS_MIB = 2048  # wheels, and a root filesystem for each architecture

# Program -> what the emulated board does with it.
_BOARD_PROGRAMS = {
    "qemu-aarch64": "counts the instructions of 64-bit programs",
    "qemu-arm": "counts the instructions of 32-bit programs",
    "qemu-aarch64-static": "runs a 64-bit userland",
    "qemu-arm-static": "runs a 32-bit userland",
    "qemu-system-aarch64": "emulates a whole board where the kernel forbids the userland",
    "sshd": "serves the board",
    "ssh": "enters the board",
    "ssh-keygen": "makes the board's keys",
    "apt-get": "downloads the board's packages",
    "dpkg-deb": "unpacks the board's packages",
    "mke2fs": "makes the whole board's disk",
    "cc": "builds the plugin that counts instructions",
}
# Likewise of emulated microcontrollers.
_MICROCONTROLLER_PROGRAMS = {
    "arm-none-eabi-gcc": "compiles for Cortex-M",
    "qemu-system-arm": "runs images for Cortex-M",
    "riscv64-unknown-elf-gcc": "compiles for RISC-V",
    "qemu-system-riscv32": "runs images for RISC-V",
}


class Purpose(StrEnum):
    """What a tool is for."""

    BUILD = "build"
    VERIFY = "verify"
    RACE = "race with LiteRT"
    EMULATED_BOARD = "emulated board"
    MICROCONTROLLER = "emulated microcontroller"
    DEBUG_PROBE = "board with a debug probe"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    purpose: Purpose
    ok: bool
    required: bool  # EdgeKit's main job fails without it
    found: str  # a version, a path, or what is wrong
    fix: str | None = None  # the command that mends it


def doctor(*, emulated: bool = False) -> tuple[Check, ...]:
    """Check everything. Nothing is installed or changed.

    Args:
        emulated: count what only emulation needs as required.
    """
    checks = [_python(), *(_package(name, pin) for name, pin in PINS.items()), _zig(), _oracle(), _cache()]
    checks.append(_package(*LITERT, purpose=Purpose.RACE, required=False))
    checks.append(_openocd())
    board = [
        *(_program(name, use, Purpose.EMULATED_BOARD) for name, use in _BOARD_PROGRAMS.items()),
        _plugins(),
        _kernel(),
        *(_program(name, use, Purpose.MICROCONTROLLER) for name, use in _MICROCONTROLLER_PROGRAMS.items()),
    ]
    return (*checks, *(dataclasses.replace(check, required=check.required or emulated) for check in board))


def _python() -> Check:
    ok = sys.version_info >= _OLDEST_PYTHON
    return Check(
        name="Python",
        purpose=Purpose.BUILD,
        ok=ok,
        required=True,
        found=platform.python_version(),
        fix=None if ok else "Install Python 3.11 or newer: apt-get install python3 python3-venv",
    )


def _package(name: str, pin: str | None, *, purpose: Purpose = Purpose.BUILD, required: bool = True) -> Check:
    wanted = name if pin is None else f"{name}=={pin}"
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        version = None
    ok = version is not None and pin in (None, version)
    found = version or "not installed"
    return Check(
        name=name,
        purpose=purpose,
        ok=ok,
        required=required,
        found=found if ok or version is None else f"{version}, but {pin} is needed",
        fix=None if ok else f"{sys.executable} -m pip install {wanted}",
    )


def _zig() -> Check:
    return _asked("zig (C compiler)", Purpose.BUILD, zig_version, required=True)


def _oracle() -> Check:
    """The reference interpreter exists for x86-64 Linux only; elsewhere builds go on without it."""
    name, pin = ORACLE
    if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        return _package(name, pin, purpose=Purpose.VERIFY)
    return Check(
        name=name,
        purpose=Purpose.VERIFY,
        ok=False,
        required=False,
        found=f"not made for {platform.system()} on {platform.machine()}: golden vectors stay unchecked",
    )


def _cache() -> Check:
    directory = cache_directory()
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    free_mib = shutil.disk_usage(existing).free // 2**20
    writable = os.access(existing, os.W_OK)
    ok = writable and free_mib >= _CACHE_NEEDS_MIB
    return Check(
        name="cache",
        purpose=Purpose.BUILD,
        ok=ok,
        required=False,
        found=f"{directory}, {free_mib:,} MiB free" if writable else f"{directory} cannot be written",
        fix=None if ok else f"Free {_CACHE_NEEDS_MIB} MiB there, or set EDGEKIT_CACHE to another folder.",
    )


def _program(name: str, use: str, purpose: Purpose) -> Check:
    return _asked(f"{name} ({use})", purpose, lambda: find_tool(name), required=False)


def _openocd() -> Check:
    def find() -> str:
        return find_tool("openocd", "It drives the debug probe.")

    return _asked("openocd (drives debug probes)", Purpose.DEBUG_PROBE, find, required=False)


def _plugins() -> Check:
    def ask() -> str:
        done = subprocess.run([find_tool("qemu-aarch64"), "-h"], capture_output=True, text=True, check=False)
        if "-plugin" not in done.stdout:
            raise ToolMissingError(
                "no plugins", why="This qemu-aarch64 takes no plugins.", fix="apt-get install qemu-user"
            )
        return "yes"

    return _asked("QEMU takes plugins", Purpose.EMULATED_BOARD, ask, required=False)


def _kernel() -> Check:
    """Which way of emulation the kernel leaves open; the board chooses by trying, this one explains."""
    release = platform.release()
    numbers = tuple(int(part) for part in release.split("-")[0].split(".")[:2] if part.isdigit())
    if numbers >= _NAMESPACED_BINFMT_KERNEL and _may_unshare():
        found = f"Linux {release}: an emulated userland for every user"
    elif os.geteuid() == 0 and Path("/proc/sys/fs/binfmt_misc").is_dir():
        found = f"Linux {release}: an emulated userland, registered for the whole system"
    else:
        found = f"Linux {release}: whole-board emulation (slower to start)"
    return Check(name="kernel", purpose=Purpose.EMULATED_BOARD, ok=True, required=False, found=found)


def _may_unshare() -> bool:
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    done = subprocess.run([unshare, "--user", "--map-root-user", "true"], capture_output=True, check=False)
    return done.returncode == 0


def _asked(name: str, purpose: Purpose, ask: Callable[[], str], *, required: bool) -> Check:
    """A check that is one question; its failure already says what to do."""
    try:
        return Check(name=name, purpose=purpose, ok=True, required=required, found=ask())
    except EdgeKitError as error:
        return Check(name=name, purpose=purpose, ok=False, required=required, found=error.why, fix=error.fix)

"""Counting instructions by a plugin that QEMU loads, compiled for this machine from `runtime`."""

from __future__ import annotations

import hashlib
import platform
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.errors import ToolMissingError
from edgekit.paths import cache_directory
from edgekit.runtime import runtime_file
from edgekit.toolchain import zig_cc

if TYPE_CHECKING:
    from collections.abc import Sequence

_SOURCE = "instruction_counter.c"
# The oldest C library that zig builds for; the plugin is for this very machine, which has a newer one.
_PLUGIN_GLIBC = "2.17"
_MINIMUM_VERSION = re.compile(r"minimum version of (\d+)")


def run_plugged(
    qemu: Sequence[str],
    argv: Sequence[str],
    version: str,
    timeout_seconds: float,
    *,
    mark_syscall: int | None = None,
    directory: Path | None = None,
) -> tuple[subprocess.CompletedProcess[bytes], tuple[int, ...]]:
    """Run a program under QEMU with the plugin; the counts between marks come with it.

    Args:
        qemu: the emulator and its options.
        argv: the program and its arguments.
        version: the first line of `qemu --version`.
        timeout_seconds: for the program.
        mark_syscall: number of a system call of the guest that marks too.
        directory: where it runs.

    Raises:
        subprocess.TimeoutExpired: it did not end in time, and was killed.
        ToolMissingError: the plugin cannot be compiled for this machine.
    """
    option = f",syscall={mark_syscall}" if mark_syscall is not None else ""
    return _run(qemu, argv, _interface(version), timeout_seconds, option, directory)


def _run(
    qemu: Sequence[str],
    argv: Sequence[str],
    interface: int,
    timeout_seconds: float,
    option: str,
    directory: Path | None,
) -> tuple[subprocess.CompletedProcess[bytes], tuple[int, ...]]:
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "counts"
        plugin = f"{_plugin(interface)},out={out}{option}"
        # Without -d, QEMU reads no symbols, and the mark is one.
        command = [*qemu, "-d", "plugin", "-D", "/dev/null", "-plugin", plugin, *argv]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={},
            cwd=directory,
            timeout=timeout_seconds,
            check=False,
        )
        counts = tuple(int(line) for line in out.read_text().split()) if out.exists() else ()
    wanted = _MINIMUM_VERSION.search(done.stderr.decode(errors="replace"))
    if done.returncode != 0 and wanted and int(wanted[1]) > interface:
        return _run(qemu, argv, int(wanted[1]), timeout_seconds, option, directory)
    return done, counts


def _interface(version: str) -> int:
    """The plugin interface to claim at first. QEMU 9.0 refuses 1; a later one says what it wants."""
    found = re.search(r"version (\d+)", version)
    return 1 if found and int(found[1]) < 9 else 2


def _plugin(interface: int) -> Path:
    """The plugin compiled for this machine, from the cache where it is there."""
    source = runtime_file(_SOURCE).read_bytes()
    triple = f"{platform.machine()}-linux-gnu"
    digest = hashlib.sha256(source + repr((interface, triple)).encode()).hexdigest()[:12]
    final = cache_directory("plugins") / f"instruction_counter-{digest}.so"
    if final.exists():
        return final
    if platform.machine() not in ("x86_64", "aarch64"):
        raise ToolMissingError(
            f"Instructions cannot be counted on this machine ({platform.machine()}).",
            why="The counting plugin is compiled for x86-64 and arm64 machines.",
            fix="Use such a machine.",
        )
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=final.parent) as scratch:
        directory = Path(scratch)
        (directory / _SOURCE).write_bytes(source)
        options = ["-shared", "-fPIC", "-O2", "-s", f"-DEDGEKIT_PLUGIN_API={interface}", "-Wl,-z,undefs"]
        zig_cc(
            [*options, _SOURCE, "-o", "plugin.so"], triple=triple, glibc=_PLUGIN_GLIBC, directory=directory
        )
        (directory / "plugin.so").replace(final)
    return final

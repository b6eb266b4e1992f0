"""Counting the instructions that a program executes, step by step, under QEMU. Never a latency.

The same program on the same input gives the same counts, to the last instruction; how long they take
on a real CPU depends on its pipelines and caches, of which QEMU knows nothing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import platform
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.devices.emulated.identity import architecture_of
from edgekit.devices.emulated.rootfs import userland
from edgekit.devices.emulated.tools import find_tool, run_tool
from edgekit.errors import EmulatorFailedError, ToolMissingError
from edgekit.paths import cache_directory
from edgekit.runtime import runtime_file
from edgekit.toolchain import zig_cc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgekit.target import Target

    Progress = Callable[[str, float | None], None]

_SOURCE = "instruction_counter.c"
# The oldest C library that zig builds for; the plugin is for this very machine, which has a newer one.
_PLUGIN_GLIBC = "2.17"
_MINIMUM_VERSION = re.compile(r"minimum version of (\d+)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class InstructionCounts:
    """Executed guest instructions between each two of a program's calls of `edgekit_step_mark`."""

    intervals: tuple[int, ...]  # one fewer than the marks
    cpu: str  # QEMU's -cpu
    qemu: str  # "qemu-aarch64 version 7.2.22 (...)": other versions may count otherwise
    stdout: bytes  # what the program printed

    def per_step(self, steps: int) -> tuple[tuple[int, ...], ...]:
        """The counts by invocation and step, for a program that marks before each step and after the last.

        Args:
            steps: the steps of one invocation.

        Returns:
            One tuple of `steps` counts for each invocation.

        Raises:
            EmulatorFailedError: the number of marks is no multiple of `steps` + 1.
        """
        marks = len(self.intervals) + 1
        if marks % (steps + 1):
            raise EmulatorFailedError(
                f"The program made {marks} marks, which are no whole invocations of {steps} steps.",
                why="It marks before each step and after the last one, or should.",
                fix="See that the runner and the library belong to the same build.",
            )
        starts = range(0, marks, steps + 1)
        return tuple(self.intervals[start : start + steps] for start in starts)


def count_instructions(
    argv: Sequence[str | Path],
    target: Target,
    *,
    progress: Progress,
    timeout_seconds: float = 600.0,
) -> InstructionCounts:
    """Run an ARM program of this machine's file system under the counting QEMU.

    The runner is `edgekit-runner count LIB INPUTS --runs N`. The environment is empty but for
    LD_BIND_NOW, so that the search for a library function is not part of the step that calls it
    first. What lies between two marks counts, with all it calls: the step, and the few instructions
    of the runner's loop. The marking function does not. One guest thread.

    Args:
        argv: the program and its arguments; paths are this machine's.
        target: gives the architecture and QEMU's -cpu.
        progress: told what is being done.
        timeout_seconds: for the program.

    Raises:
        ToolMissingError: the dynamic QEMU is not installed.
        EmulatorFailedError: the program failed, or made fewer than two marks.
    """
    architecture = architecture_of(target)
    qemu = find_tool(f"qemu-{architecture.qemu}")
    libraries = userland(architecture.debian, progress)
    progress("counting instructions", None)
    version = run_tool(
        f"qemu-{architecture.qemu}", "--version", purpose="Asking QEMU's version"
    ).splitlines()[0]
    # Without -d, QEMU reads no symbols, and the mark is one.
    command = [
        qemu,
        "-cpu",
        target.emulated_cpu,
        "-L",
        str(libraries),
        "-seed",
        "1",
        "-d",
        "plugin",
        "-D",
        "/dev/null",
    ]
    command += ["-E", "LD_BIND_NOW=1"]
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "counts"
        done = _run(command, [str(word) for word in argv], out, _interface(version), timeout_seconds)
        intervals = tuple(int(line) for line in out.read_text().split()) if out.exists() else ()
    if not intervals:
        raise EmulatorFailedError(
            f"{Path(argv[0]).name} made no marks, so there is nothing to count.",
            why="It is stripped of its symbols, or does not call edgekit_step_mark at least twice.",
            fix="Build it anew; the runner keeps its symbol table.",
        )
    return InstructionCounts(intervals=intervals, cpu=target.emulated_cpu, qemu=version, stdout=done.stdout)


def _run(
    qemu: list[str], argv: list[str], out: Path, interface: int, timeout_seconds: float
) -> subprocess.CompletedProcess[bytes]:
    command = [*qemu, "-plugin", f"{_plugin(interface)},out={out}", *argv]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={},
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EmulatorFailedError(
            f"{Path(argv[0]).name} did not end within {timeout_seconds:g} s under the counting QEMU.",
            why="The emulator executes some hundred million instructions a second.",
            fix="Count fewer runs.",
        ) from None
    words = done.stderr.decode(errors="replace").strip()
    raised = _MINIMUM_VERSION.search(words)
    if done.returncode != 0 and raised and int(raised[1]) > interface:
        return _run(qemu, argv, out, int(raised[1]), timeout_seconds)
    if done.returncode != 0:
        raise EmulatorFailedError(
            f"{Path(argv[0]).name} failed under the counting QEMU.",
            why=f"It ended with {done.returncode}: {words[-1000:]}",
            fix="See that it runs on the emulated board: edgekit verify --emulated",
        )
    return done


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

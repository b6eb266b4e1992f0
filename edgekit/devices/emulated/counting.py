"""Counting the instructions that a program executes, step by step, under QEMU. Never a latency.

The same program on the same input gives the same counts, to the last instruction; how long they take
on a real CPU depends on its pipelines and caches, of which QEMU knows nothing.
"""

from __future__ import annotations

import dataclasses
import subprocess
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.devices.emulated.counting_plugin import run_plugged
from edgekit.devices.emulated.counting_trace import run_traced
from edgekit.devices.emulated.identity import architecture_of
from edgekit.devices.emulated.programs import qemu_command, qemu_name
from edgekit.devices.emulated.rootfs import userland
from edgekit.devices.emulated.tools import run_tool
from edgekit.errors import EmulatorFailedError, ToolMissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from edgekit.target import Target

    Progress = Callable[[str, float | None], None]


class Counter(StrEnum):
    """How instructions are counted."""

    AUTO = "auto"  # by the plugin if QEMU takes it
    PLUGIN = "plugin"
    TRACE = "trace"  # from QEMU's log, slower


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a counted program finds around it, if not the usual."""

    tree: Path  # the root filesystem; what it lacks is looked for on this machine
    environment: Mapping[str, str]
    mark_syscall: int  # the program marks by this system call of the guest, not by `edgekit_step_mark`


def count_instructions(
    argv: Sequence[str | Path],
    target: Target,
    *,
    progress: Progress,
    timeout_seconds: float = 600.0,
    counter: Counter = Counter.AUTO,
    surroundings: Surroundings | None = None,
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
        counter: how; both give the same numbers.
        surroundings: for a program that needs more than the userland's libraries; by plugin only.

    Raises:
        ToolMissingError: QEMU is not installed, or takes no plugins and the marks need one.
        EmulatorFailedError: the program failed, or made fewer than two marks.
    """
    name = qemu_name(target)
    tree = surroundings.tree if surroundings else userland(architecture_of(target).debian, progress)
    progress("counting instructions", None)
    version = run_tool(name, "--version", purpose="Asking QEMU's version").splitlines()[0]
    environment = {"LD_BIND_NOW": "1", **(surroundings.environment if surroundings else {})}
    qemu, words = qemu_command(target, tree, environment), [str(word) for word in argv]
    by_plugin = _by_plugin(name, counter)
    if surroundings is not None and not by_plugin:
        raise _plugins_missing(name, version)
    try:
        if by_plugin:
            syscall = surroundings.mark_syscall if surroundings else None
            done, intervals = run_plugged(qemu, words, version, timeout_seconds, mark_syscall=syscall)
        else:
            done, intervals = run_traced(qemu, words, timeout_seconds)
    except subprocess.TimeoutExpired:
        raise EmulatorFailedError(
            f"{Path(argv[0]).name} did not end within {timeout_seconds:g} s under the counting QEMU.",
            why="The emulator is many times slower than a board.",
            fix="Count fewer runs.",
        ) from None
    if done.returncode != 0:
        raise EmulatorFailedError(
            f"{Path(argv[0]).name} failed under the counting QEMU.",
            why=f"It ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()[-1000:]}",
            fix="See that it runs on the emulated board: edgekit verify --emulated",
        )
    if not intervals:
        raise EmulatorFailedError(
            f"{Path(argv[0]).name} made no marks, so there is nothing to count.",
            why="It is stripped of its symbols, or does not call edgekit_step_mark at least twice.",
            fix="Build it anew; the runner keeps its symbol table.",
        )
    return InstructionCounts(intervals=intervals, cpu=target.emulated_cpu, qemu=version, stdout=done.stdout)


def _plugins_missing(qemu: str, version: str) -> ToolMissingError:
    return ToolMissingError(
        f"This {qemu} takes no plugins, and this program's instructions cannot be counted without one.",
        why=f"It is linked statically ({version}).",
        fix="Use a machine whose QEMU is linked dynamically, such as one with Debian 12.",
    )


def _by_plugin(qemu: str, counter: Counter) -> bool:
    if counter is not Counter.AUTO:
        return counter is Counter.PLUGIN
    # One that is linked statically, such as Debian 13's, has no such option.
    return "-plugin" in run_tool(qemu, "-h", purpose="Asking QEMU what it can do")

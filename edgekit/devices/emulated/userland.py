"""The usual board: ARM programs under QEMU's user-mode emulation and this machine's kernel.

Two ways lead there. Linux 6.7 and later give every user namespace its own binfmt_misc, so an
ordinary user can have the board without a trace elsewhere on the machine. Older kernels have only
the machine's own, where the qemu-user-static package (or root) has registered QEMU.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.devices.emulated import namespace, sshd
from edgekit.devices.emulated.identity import architecture_of, write_identity
from edgekit.devices.emulated.processes import Process, identify
from edgekit.devices.emulated.rootfs import userland
from edgekit.devices.emulated.state import BoardInfo, Mode, board_directory
from edgekit.devices.emulated.tools import find_tool, run_tool
from edgekit.errors import EmulatorFailedError, NoEmulationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.target import Target

    Progress = Callable[[str, float | None], None]

_BINFMT = Path("/proc/sys/fs/binfmt_misc")


def start(target: Target, progress: Progress, port: int | None = None, *, litert: bool = False) -> BoardInfo:
    """Bring up a board; `port` is the one it would like, `litert` says whether it has LiteRT and Python.

    Raises:
        NoEmulationError: the kernel allows no way to start ARM programs; says why for each.
        ToolMissingError, EmulatorFailedError: see `rootfs`, `sshd`.
    """
    architecture = architecture_of(target)
    directory = board_directory(target.name)
    rootfs = userland(architecture.debian, progress, litert=litert)
    progress("starting the board", None)
    machine = _machine(target, rootfs, directory)
    shutil.copyfile(namespace.__file__, directory / "namespace.py")
    keeper, spec, reason = _start_keeper(machine, directory / "machine.json")
    try:
        keys = sshd.Keys(directory=directory)
        keys.make()
        chosen = sshd.free_port(port)
        server = sshd.start(keys, chosen, (*_program(directory), "enter", str(spec), str(keeper.pid)))
        keys.trust(chosen)
    except BaseException:
        keeper.stop()
        raise
    return BoardInfo(
        name=target.name,
        architecture=architecture.name,
        mode=Mode.USERLAND,
        reason=reason,
        host=sshd.HOST,
        port=chosen,
        user=sshd.user_name(),
        identity=keys.client,
        known_hosts=keys.known_hosts,
        rootfs=rootfs,
        home=directory / "home",
        processes=(keeper, server),
    )


def _machine(target: Target, rootfs: Path, directory: Path) -> namespace.Machine:
    architecture = architecture_of(target)
    home, identity = directory / "home", directory / "identity"
    home.mkdir(parents=True, exist_ok=True)
    write_identity(identity, target)
    return namespace.Machine(
        rootfs=str(rootfs),
        home=str(home),
        identity=str(identity),
        hostname=target.name,
        qemu=find_tool(f"qemu-{architecture.qemu}-static"),
        qemu_name=architecture.qemu,
        cpu=target.emulated_cpu,
        cores=target.cores,
        elf_class=architecture.elf_class,
        elf_machine=architecture.elf_machine,
        private_binfmt=True,
    )


def _start_keeper(machine: namespace.Machine, spec: Path) -> tuple[Process, Path, str]:
    """Try both ways; returns the keeper, the file that describes its machine, and the reason to show."""
    problem = _try(machine, spec)
    if isinstance(problem, Process):
        return problem, spec, "this kernel lets a user namespace have its own binfmt_misc"
    note = _register_for_all(machine)
    second = _try(machine._replace(private_binfmt=False), spec)
    if isinstance(second, Process):
        return second, spec, f"this machine's binfmt_misc starts QEMU{note} (a private one: {problem})"
    raise NoEmulationError(
        "This machine cannot run ARM programs like its own.",
        why=f"With a binfmt_misc of the board's own: {problem}. With the machine's: {second}{note}.",
        fix="Use Linux 6.7 or later with user namespaces allowed, or `edgekit device up --system`.",
    )


def _try(machine: namespace.Machine, spec: Path) -> Process | str:
    """Start a keeper; returns it, or what it says is wrong."""
    spec.write_text(json.dumps(machine._asdict()))
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as report:
        try:
            subprocess.run(
                [*_program(spec.parent), "keep", str(spec), str(writer)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(writer,),
                start_new_session=True,
                cwd="/",
                check=False,
            )
        finally:
            os.close(writer)
        answer = report.read()
    pid, _, rest = answer.partition(b"\n")
    problem = str(json.loads(rest)["problem"]) if rest else "its keeper ended without a word"
    process = identify(int(pid)) if not problem else None
    return process or problem or "its keeper ended at once"


def _program(directory: Path) -> tuple[str, ...]:
    """The command that keeps and enters the board of a folder.

    It is independent of this installation, which may be changed or deleted while the board is up: a copy
    of the module, and the interpreter behind a virtual environment.
    """
    # -I -S: nothing of the user's environment, and no site-packages, in every session's start-up time.
    return (str(Path(sys.executable).resolve()), "-I", "-S", str(directory / "namespace.py"))


def _register_for_all(machine: namespace.Machine) -> str:
    """As root, register QEMU with the machine's binfmt_misc if nobody has; returns a note about it."""
    if os.geteuid() != 0:
        return ""
    name = f"edgekit-{machine.qemu_name}"
    try:
        if not (_BINFMT / "register").exists():
            run_tool(
                "mount", "-t", "binfmt_misc", "binfmt_misc", str(_BINFMT), purpose="Mounting binfmt_misc"
            )
        if any(_starts(entry, machine) for entry in _BINFMT.iterdir()):
            return ""
        line = namespace.registration(name, machine.elf_class, machine.elf_machine, machine.qemu)
        (_BINFMT / "register").write_text(line)
    except (OSError, EmulatorFailedError) as error:
        return f" (registering it there failed: {error})"
    return f", registered there as {name} until the next boot"


def _starts(entry: Path, machine: namespace.Machine) -> bool:
    """Whether a binfmt_misc entry is for this architecture, enabled, and keeps its interpreter open."""
    if entry.name in ("register", "status"):
        return False
    lines = entry.read_text().splitlines()
    fields = dict(line.partition(" ")[::2] for line in lines)
    magic = fields.get("magic", "")
    is_ours = magic.startswith(f"7f454c46{machine.elf_class:02x}") and magic.endswith(
        f"0200{machine.elf_machine:02x}00"
    )
    return is_ours and lines[0] == "enabled" and "F" in fields.get("flags:", "")

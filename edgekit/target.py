"""What a board is: one TOML file in targets/, read into one frozen `Target`."""

from __future__ import annotations

import dataclasses
import os
import platform
import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.errors import UnknownTargetError, WrongValueError, nearest
from edgekit.paths import data_directory
from edgekit.schema import Key, check_table, choose, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

NATIVE = "native"  # in a target's `triple` and `cpu`: what this machine has


class TargetKind(StrEnum):
    """What code a target takes."""

    LINUX_CPU = "linux-cpu"  # a shared library for an ARM or x86-64 Linux userland


class Triple(StrEnum):
    """The platforms that code can be made for."""

    AARCH64 = "aarch64-linux-gnu"
    ARMV7 = "armv7a-linux-gnueabihf"
    X86_64 = "x86_64-linux-gnu"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """A board or a CPU class to build for. `docs/adding-a-target.md` explains each field."""

    name: str
    kind: TargetKind
    description: str
    triple: str  # "aarch64-linux-gnu", "armv7a-linux-gnueabihf", "x86_64-linux-gnu"
    cpu: str  # LLVM's name: "cortex-a72"; "native" is resolved by codegen
    features: tuple[str, ...]  # LLVM's: ("+neon",)
    glibc: str  # oldest C library that the artifact must load on: "2.17"
    cores: int
    clock_mhz: int | None
    ram_mib: int | None
    emulated_cpu: str  # QEMU's -cpu for the emulated device
    source: str  # where the figures come from

    @property
    def architecture(self) -> str:
        """What `uname -m` family runs it: "aarch64", "armv7" or "x86_64"."""
        first = self.triple.partition("-")[0]
        return "armv7" if first.startswith("arm") else first


_SCHEMA: Mapping[str, Key] = {
    "kind": Key(type=str),
    "description": Key(type=str),
    "triple": Key(type=str),
    "cpu": Key(type=str),
    "features": Key(type=list, required=False),
    "glibc": Key(type=str),
    "cores": Key(type=int),
    "clock_mhz": Key(type=int, required=False),
    "ram_mib": Key(type=int, required=False),
    "emulated_cpu": Key(type=str),
    "source": Key(type=str),
}


def load_target(name_or_path: str) -> Target:
    """Read a shipped target by its name ("rpi4"), or one of your own by its path ("boards/mine.toml").

    The CPU is not checked here, since only the compiler knows its names: `codegen` does that.

    Raises:
        UnknownTargetError: there is no such target; names the nearest one.
        UnreadableSettingsError, UnknownKeyError, MissingKeyError, WrongTypeError, WrongValueError:
            the file is not a valid target.
    """
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        path = Path(name_or_path)
    else:
        path = data_directory("targets") / f"{name_or_path}.toml"
        known = target_names()
        if name_or_path not in known:
            raise UnknownTargetError(
                f"There is no target named {name_or_path!r}.",
                why=f"The targets are: {', '.join(known)}.",
                fix=nearest(
                    name_or_path, known, "Use one of these, or the path of a target file of your own."
                ),
            )
    return _read(path)


def list_targets() -> tuple[Target, ...]:
    """All shipped targets, by name."""
    return tuple(load_target(name) for name in target_names())


def target_names() -> tuple[str, ...]:
    """The names of all shipped targets, sorted."""
    return tuple(sorted(path.stem for path in data_directory("targets").glob("*.toml")))


def _read(path: Path) -> Target:
    table = read_toml(path)
    if table.get("triple") == NATIVE:
        table = _this_machine() | {key: value for key, value in table.items() if key != "triple"}
    where = str(path)
    check_table(table, _SCHEMA, where)
    _check_values(table, where)
    return Target(
        name=path.stem,
        kind=choose(table["kind"], TargetKind, f"{where}: 'kind'"),
        description=table["description"],
        triple=choose(table["triple"], Triple, f"{where}: 'triple'").value,
        cpu=table["cpu"],
        features=tuple(table.get("features", ())),
        glibc=table["glibc"],
        cores=table["cores"],
        clock_mhz=table.get("clock_mhz"),
        ram_mib=table.get("ram_mib"),
        emulated_cpu=table["emulated_cpu"],
        source=table["source"],
    )


def _check_values(table: Mapping[str, Any], where: str) -> None:
    for feature in table.get("features", ()):
        if not re.fullmatch(r"[+-][a-z0-9.-]+", feature):
            raise WrongValueError(
                f"{where}: 'features' has {feature!r}.",
                why="LLVM's features start with + (has it) or - (lacks it).",
                fix=f"Write '+{feature.lstrip('+-')}'.",
            )
    if not re.fullmatch(r"2\.\d+", table["glibc"]):
        raise WrongValueError(
            f"{where}: 'glibc' is {table['glibc']!r}.",
            why="It is the version of the oldest GNU C library to run on.",
            fix='Write it like "2.17"; `ldd --version` on the board prints its own.',
        )
    for key in ("cores", "clock_mhz", "ram_mib"):
        if table.get(key, 1) < 1:
            raise WrongValueError(
                f"{where}: {key!r} is {table[key]}.", why="It must be 1 or more.", fix=f"Correct {key!r}."
            )


def _this_machine() -> dict[str, Any]:
    """What `triple = "native"` stands for: the platform and cores of the machine that builds."""
    triples = {"x86_64": Triple.X86_64, "aarch64": Triple.AARCH64, "armv7l": Triple.ARMV7}
    machine = platform.machine()
    if platform.system() != "Linux" or machine not in triples:
        raise UnknownTargetError(
            f"This machine ({platform.system()} on {machine}) cannot be a target.",
            why="EdgeKit makes code for Linux on x86_64, aarch64 and armv7.",
            fix="Name the board to build for, as in --target rpi4.",
        )
    return {"triple": triples[machine].value, "cores": os.cpu_count() or 1}

"""What a board is: one TOML file in targets/, read into one frozen `Target`."""

from __future__ import annotations

import dataclasses
import os
import platform
import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.errors import MissingKeyError, UnknownTargetError, WrongValueError, nearest
from edgekit.paths import data_directory
from edgekit.schema import Key, check_table, choose, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

NATIVE = "native"  # in a target's `triple` and `cpu`: what this machine has


class TargetKind(StrEnum):
    """What code a target takes."""

    LINUX_CPU = "linux-cpu"  # a shared library for an ARM or x86-64 Linux userland
    MICROCONTROLLER = "microcontroller"  # C sources for a firmware build


class Triple(StrEnum):
    """The Linux platforms that code can be made for."""

    AARCH64 = "aarch64-linux-gnu"
    ARMV7 = "armv7a-linux-gnueabihf"
    X86_64 = "x86_64-linux-gnu"


class BareTriple(StrEnum):
    """The platforms without an operating system; "hf" passes floats in registers of the FPU."""

    ARMV6M = "thumbv6m-none-eabi"  # Cortex-M0, M0+
    ARMV7M = "thumbv7m-none-eabi"  # Cortex-M3
    ARMV7EM = "thumbv7em-none-eabi"  # Cortex-M4, M7 without an FPU
    ARMV7EM_FPU = "thumbv7em-none-eabihf"
    ARMV8M = "thumbv8m.main-none-eabi"  # Cortex-M33 without an FPU
    ARMV8M_FPU = "thumbv8m.main-none-eabihf"
    ARMV81M_FPU = "thumbv8.1m.main-none-eabihf"  # Cortex-M55, M85
    RISCV32 = "riscv32-unknown-none-elf"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Microcontroller:
    """What a microcontroller has that a Linux board has not."""

    flash_kib: int | None  # None: a core without a board around it
    ram_kib: int | None  # of the largest block that code can use as one
    compiler_flags: tuple[str, ...]  # of GCC, for the core and its ABI
    emulated_machine: str | None  # QEMU's -M; None: QEMU has none with such a core
    flash_origin: int | None = None  # address of its first byte; None: a core without a board around it
    ram_origin: int | None = None  # of the block that `ram_kib` is the size of
    openocd: tuple[str, ...] = ()  # OpenOCD's scripts for the board and its probe; none: no probe is used


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """A board or a CPU class to build for. `docs/adding-a-target.md` explains each field."""

    name: str
    kind: TargetKind
    description: str
    triple: str  # a Triple ("aarch64-linux-gnu"); of a microcontroller, a BareTriple
    cpu: str  # LLVM's name: "cortex-a72"; "native" is resolved by codegen
    features: tuple[str, ...]  # LLVM's: ("+neon",)
    glibc: str  # oldest C library that the artifact must load on: "2.17"; "" on a microcontroller
    cores: int  # that share an invocation's work at most: 1 on a microcontroller
    clock_mhz: int | None
    ram_mib: int | None
    emulated_cpu: str  # QEMU's -cpu for the emulated device; "" if it has none
    source: str  # where the figures come from
    microcontroller: Microcontroller | None = None

    @property
    def architecture(self) -> str:
        """What `uname -m` family runs it: "aarch64", "armv7", "x86_64"; if none does, "thumbv7em"."""
        first = self.triple.partition("-")[0]
        return "armv7" if first.startswith("arm") else first


_COMMON: Mapping[str, Key] = {
    "kind": Key(type=str),
    "description": Key(type=str),
    "triple": Key(type=str),
    "cpu": Key(type=str),
    "features": Key(type=list, required=False),
    "clock_mhz": Key(type=int, required=False),
    "source": Key(type=str),
}
_SCHEMAS: Mapping[TargetKind, Mapping[str, Key]] = {
    TargetKind.LINUX_CPU: {
        **_COMMON,
        "glibc": Key(type=str),
        "cores": Key(type=int),
        "ram_mib": Key(type=int, required=False),
        "emulated_cpu": Key(type=str),
    },
    TargetKind.MICROCONTROLLER: {
        **_COMMON,
        "flash_kib": Key(type=int, required=False),
        "ram_kib": Key(type=int, required=False),
        "flash_origin": Key(type=int, required=False),
        "ram_origin": Key(type=int, required=False),
        "openocd": Key(type=list, required=False),
        "compiler_flags": Key(type=list),
        "emulated_machine": Key(type=str, required=False),
        "emulated_cpu": Key(type=str, required=False),
    },
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


def target_from_fields(fields: Mapping[str, Any]) -> Target:
    """The target whose fields these are, as a manifest has them; others in it are left alone."""
    known = {f.name: fields[f.name] for f in dataclasses.fields(Target) if f.name in fields}
    bare = known.get("microcontroller")
    if bare is not None:
        lists = {key: tuple(bare.get(key, ())) for key in ("compiler_flags", "openocd")}
        bare = Microcontroller(**{**bare, **lists})
    return Target(
        **{
            **known,
            "kind": TargetKind(known["kind"]),
            "features": tuple(known["features"]),
            "microcontroller": bare,
        }
    )


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
    kind = _kind(table, where)
    check_table(table, _SCHEMAS[kind], where)
    _check_values(table, where)
    _check_probe(table, where)
    bare = kind is TargetKind.MICROCONTROLLER
    return Target(
        name=path.stem,
        kind=kind,
        description=table["description"],
        triple=choose(table["triple"], BareTriple if bare else Triple, f"{where}: 'triple'").value,
        cpu=table["cpu"],
        features=tuple(table.get("features", ())),
        glibc=table.get("glibc", ""),
        cores=table.get("cores", 1),
        clock_mhz=table.get("clock_mhz"),
        ram_mib=table.get("ram_mib"),
        emulated_cpu=table.get("emulated_cpu", ""),
        source=table["source"],
        microcontroller=_microcontroller(table) if bare else None,
    )


def _kind(table: Mapping[str, Any], where: str) -> TargetKind:
    """The kind of a target, which decides what else may be said of it."""
    given = {key: value for key, value in table.items() if key == "kind"}
    check_table(given, {"kind": _COMMON["kind"]}, where)
    return choose(table["kind"], TargetKind, f"{where}: 'kind'")


def _microcontroller(table: Mapping[str, Any]) -> Microcontroller:
    return Microcontroller(
        flash_kib=table.get("flash_kib"),
        ram_kib=table.get("ram_kib"),
        compiler_flags=tuple(table["compiler_flags"]),
        emulated_machine=table.get("emulated_machine"),
        flash_origin=table.get("flash_origin"),
        ram_origin=table.get("ram_origin"),
        openocd=tuple(table.get("openocd", ())),
    )


def _check_values(table: Mapping[str, Any], where: str) -> None:
    for feature in table.get("features", ()):
        if not re.fullmatch(r"[+-][a-z0-9.-]+", feature):
            raise WrongValueError(
                f"{where}: 'features' has {feature!r}.",
                why="LLVM's features start with + (has it) or - (lacks it).",
                fix=f"Write '+{feature.lstrip('+-')}'.",
            )
    if not re.fullmatch(r"2\.\d+", table.get("glibc", "2.17")):
        raise WrongValueError(
            f"{where}: 'glibc' is {table['glibc']!r}.",
            why="It is the version of the oldest GNU C library to run on.",
            fix='Write it like "2.17"; `ldd --version` on the board prints its own.',
        )
    for key in ("cores", "clock_mhz", "ram_mib", "flash_kib", "ram_kib"):
        if table.get(key, 1) < 1:
            raise WrongValueError(
                f"{where}: {key!r} is {table[key]}.", why="It must be 1 or more.", fix=f"Correct {key!r}."
            )


def _check_probe(table: Mapping[str, Any], where: str) -> None:
    lacking = [key for key in ("flash_kib", "ram_kib", "flash_origin", "ram_origin") if key not in table]
    if "openocd" in table and lacking:
        raise MissingKeyError(
            f"{where} has 'openocd' without {', '.join(repr(key) for key in lacking)}.",
            why="An image that a probe programs is linked for the board's own memory.",
            fix=f"Add {lacking[0]!r}: the part's reference manual has its memory map.",
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

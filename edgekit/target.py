"""What a board is: one TOML file in targets/, read into one frozen `Target`."""

from __future__ import annotations

import dataclasses
from enum import StrEnum


class TargetKind(StrEnum):
    """What code a target takes."""

    LINUX_CPU = "linux-cpu"  # a shared library for an ARM or x86-64 Linux userland


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """A board or a CPU class to build for. `docs/adding-a-target.md` explains each field."""

    name: str
    kind: TargetKind
    description: str
    triple: str  # "aarch64-linux-gnu", "armv7a-linux-gnueabihf", "x86_64-linux-gnu"
    cpu: str  # LLVM's name: "cortex-a72"
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

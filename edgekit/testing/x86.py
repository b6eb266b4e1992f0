"""Targets with the micro-kernels for x86, whatever CPU this machine has."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import TYPE_CHECKING

from edgekit.codegen import resolve_host_cpu
from edgekit.schedule.cpu import X86Kernel, cpu_class
from edgekit.target import load_target

if TYPE_CHECKING:
    from edgekit.target import Target


class X86Cpu(StrEnum):
    """Each has the micro-kernels of those before, too."""

    AVX2 = "avx2"
    VNNI = "vnni"
    AMX = "amx"


_CPUS = {
    X86Cpu.AVX2: ("x86-64-v3", ()),
    X86Cpu.VNNI: ("x86-64-v4", ("+avx512vnni",)),
    X86Cpu.AMX: ("x86-64-v4", ("+avx512vnni", "+amx-int8", "+amx-tile")),
}


def x86_target(cpu: X86Cpu) -> Target:
    """The least CPU that has a family of micro-kernels."""
    name, features = _CPUS[cpu]
    return dataclasses.replace(load_target("host"), triple="x86_64-linux-gnu", cpu=name, features=features)


def runs_here(cpu: X86Cpu) -> bool:
    """Whether this machine has the instructions of such a target."""
    host = load_target("host")
    if host.architecture != "x86_64":
        return False
    mine = cpu_class(resolve_host_cpu(host))
    match cpu:
        case X86Cpu.AVX2:
            return mine.x86_kernel is not None
        case X86Cpu.VNNI:
            return mine.x86_kernel is X86Kernel.VNNI
        case X86Cpu.AMX:
            return mine.has_amx

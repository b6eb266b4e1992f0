"""Targets with the micro-kernels for x86, whatever CPU this machine has."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.codegen import resolve_host_cpu
from edgekit.schedule.cpu import X86Kernel, cpu_class
from edgekit.target import load_target

if TYPE_CHECKING:
    from edgekit.target import Target

_CPUS = {
    X86Kernel.AVX2: ("x86-64-v3", ()),
    X86Kernel.VNNI: ("x86-64-v4", ("+avx512vnni",)),
}


def x86_target(kernel: X86Kernel) -> Target:
    """The least CPU that has a family of micro-kernels."""
    cpu, features = _CPUS[kernel]
    return dataclasses.replace(load_target("host"), triple="x86_64-linux-gnu", cpu=cpu, features=features)


def runs_here(kernel: X86Kernel) -> bool:
    """Whether this machine has the instructions of such a target."""
    host = load_target("host")
    if host.architecture != "x86_64":
        return False
    mine = cpu_class(resolve_host_cpu(host)).x86_kernel
    return mine is X86Kernel.VNNI or mine is kernel  # a CPU with AVX-512 has AVX2

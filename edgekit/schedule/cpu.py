"""What a schedule needs to know of a CPU: how many accumulators fit its registers."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgekit.target import Target


@dataclasses.dataclass(frozen=True)
class CpuClass:
    """A class of CPUs that one schedule serves."""

    name: str
    accumulators: int  # int32 sums that a tile may keep in registers
    has_row_kernels: bool = False  # whether kernels/neon is for it


# Half of the vector register file: the rest holds operands. NEON has 32 (aarch64) or 16 (armv7)
# registers of 4 sums, AVX2 16 of 8.
_CLASSES = {
    "aarch64": CpuClass("aarch64-neon", 64, has_row_kernels=True),
    "armv7": CpuClass("armv7-neon", 32),
    "x86_64": CpuClass("x86-64", 64),
}


def cpu_class(target: Target) -> CpuClass:
    """The class of a target's CPU."""
    return _CLASSES[target.architecture]

"""What a schedule needs to know of a CPU: how many accumulators fit its registers, and its micro-kernels."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import TYPE_CHECKING

from tvm.target import Target as TvmTarget
from tvm.target import codegen

if TYPE_CHECKING:
    from edgekit.target import Target


class RowKernel(StrEnum):
    """The micro-kernels of edgekit/kernels/neon that compute rows of a convolution."""

    MLAL = "mlal"  # int16 products
    DOT = "dot"  # sdot


@dataclasses.dataclass(frozen=True)
class CpuClass:
    """A class of CPUs that one schedule serves."""

    name: str
    accumulators: int  # int32 sums that a tile may keep in registers
    row_kernel: RowKernel | None = None


# Half of the vector register file: the rest holds operands. NEON has 32 (aarch64) or 16 (armv7)
# registers of 4 sums, AVX2 16 of 8.
_NEON = CpuClass("aarch64-neon", 64, RowKernel.MLAL)
_NEON_DOT = CpuClass("aarch64-neon-dotprod", 64, RowKernel.DOT)
_ARMV7 = CpuClass("armv7-neon", 32)
_X86_64 = CpuClass("x86-64", 64)


def cpu_class(target: Target) -> CpuClass:
    """The class of a target's CPU, by the features that LLVM gives it."""
    match target.architecture:
        case "aarch64":
            return _NEON_DOT if "dotprod" in _features(target) else _NEON
        case "armv7":
            return _ARMV7
        case _:
            return _X86_64


def _features(target: Target) -> set[str]:
    options = {"kind": "llvm", "mtriple": target.triple, "mcpu": target.cpu, "mattr": list(target.features)}
    return {str(name) for name in codegen.llvm_get_cpu_features(TvmTarget(options))}

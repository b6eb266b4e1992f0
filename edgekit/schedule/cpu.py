"""What a schedule needs to know of a CPU: how many accumulators fit its registers, and its micro-kernels."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import TYPE_CHECKING

from tvm.target import Target as TvmTarget
from tvm.target import codegen

from edgekit.target import NATIVE, TargetKind

if TYPE_CHECKING:
    from edgekit.target import Target


class RowKernel(StrEnum):
    """The micro-kernels of edgekit/kernels/neon that compute rows of a convolution."""

    MLAL = "mlal"  # int16 products
    DOT = "dot"  # sdot
    MMLA = "mmla"  # smmla; sdot for single pixels


class X86Kernel(StrEnum):
    """The micro-kernels of edgekit/kernels/x86 that compute rows of a convolution."""

    AVX2 = "avx2"  # vpmaddwd
    VNNI = "vnni"  # vpdpbusd on 512 bits


class McuKernel(StrEnum):
    """What the kernels of edgekit/kernels/mcu may use."""

    PLAIN = "plain"  # C, and no unaligned access of words
    DSP = "dsp"  # smlad and its like, on 32-bit registers
    MVE = "mve"  # vectors of 128 bits (Helium)


@dataclasses.dataclass(frozen=True)
class CpuClass:
    """A class of CPUs that one schedule serves."""

    name: str
    accumulators: int  # int32 sums that a tile may keep in registers
    row_kernel: RowKernel | None = None
    has_long_chains: bool = False  # and so the kernel of RowKernel.MLAL that adds more products in int16
    has_neon: bool = False  # and so the micro-kernels for depthwise convolutions
    x86_kernel: X86Kernel | None = None
    has_amx: bool = False  # and so the micro-kernel that convolves with tile registers
    mcu: McuKernel | None = None  # a microcontroller: only kernels that layers share, and canonical ones

    @property
    def is_aarch64(self) -> bool:
        """Whether it is a 64-bit ARM CPU: every one has NEON."""
        return self.name.startswith("aarch64")

    @property
    def has_dot_products(self) -> bool:
        """Whether it has sdot: every CPU with smmla does."""
        return self.row_kernel in (RowKernel.DOT, RowKernel.MMLA)

    @property
    def has_dsp(self) -> bool:
        """Whether it is a microcontroller with smlad: every one with MVE has it."""
        return self.mcu in (McuKernel.DSP, McuKernel.MVE)


# Half of the vector register file: the rest holds operands. NEON has 32 (aarch64) or 16 (armv7)
# registers of 4 sums, AVX2 16 of 8, MVE 8 of 4; a microcontroller without vectors 13 of one.
_NEON = CpuClass("aarch64-neon", 64, RowKernel.MLAL, has_long_chains=True, has_neon=True)
_NEON_DOT = CpuClass("aarch64-neon-dotprod", 64, RowKernel.DOT, has_neon=True)
_NEON_I8MM = CpuClass("aarch64-neon-i8mm", 64, RowKernel.MMLA, has_neon=True)
_ARMV7 = CpuClass("armv7", 32)
_ARMV7_NEON = CpuClass("armv7-neon", 32, RowKernel.MLAL, has_neon=True)
_X86_64 = CpuClass("x86-64", 64)
_X86_64_AVX2 = CpuClass("x86-64-avx2", 64, x86_kernel=X86Kernel.AVX2)
_X86_64_VNNI = CpuClass("x86-64-avx512vnni", 64, x86_kernel=X86Kernel.VNNI)
_X86_64_AMX = CpuClass("x86-64-amx", 64, x86_kernel=X86Kernel.VNNI, has_amx=True)
_MCU_PLAIN = CpuClass("mcu-plain", 6, mcu=McuKernel.PLAIN)
_MCU_DSP = CpuClass("mcu-dsp", 6, mcu=McuKernel.DSP)
_MCU_MVE = CpuClass("mcu-mve", 16, mcu=McuKernel.MVE)
_VNNI_FEATURES = {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni"}
_AMX_FEATURES = _VNNI_FEATURES | {"amx-tile", "amx-int8"}


def cpu_class(target: Target) -> CpuClass:
    """The class of a target's CPU, by the features that LLVM gives it. `native` must have been resolved."""
    assert target.cpu != NATIVE, target.name
    if target.kind is TargetKind.MICROCONTROLLER:
        return _mcu_class(cpu_features(target))
    match target.architecture:
        case "aarch64":
            return _aarch64_class(cpu_features(target))
        case "armv7":
            return _ARMV7_NEON if "neon" in cpu_features(target) else _ARMV7
        case _:
            return _x86_class(cpu_features(target))


def _aarch64_class(features: set[str]) -> CpuClass:
    if features >= {"dotprod", "i8mm"}:
        return _NEON_I8MM
    return _NEON_DOT if "dotprod" in features else _NEON


def _x86_class(features: set[str]) -> CpuClass:
    if features >= _AMX_FEATURES:
        return _X86_64_AMX
    if features >= _VNNI_FEATURES:
        return _X86_64_VNNI
    return _X86_64_AVX2 if "avx2" in features else _X86_64


def _mcu_class(features: set[str]) -> CpuClass:
    if "mve" in features:
        return _MCU_MVE
    return _MCU_DSP if "dsp" in features else _MCU_PLAIN


def cpu_features(target: Target) -> set[str]:
    """The features of a target's CPU, by LLVM's names."""
    options = {"kind": "llvm", "mtriple": target.triple, "mcpu": target.cpu, "mattr": list(target.features)}
    return {str(name) for name in codegen.llvm_get_cpu_features(TvmTarget(options))}

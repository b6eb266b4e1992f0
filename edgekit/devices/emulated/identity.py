"""What tells a program which CPU it is on: /proc/cpuinfo, /sys and the device tree of each board.

QEMU's user-mode emulation leaves the host's own in view. Libraries choose kernels by them (XNNPACK
is off without /sys/devices/system/cpu, and a cpuinfo that promises more than `-cpu` has ends in
SIGILL), so the emulated board shows files that match the CPU that QEMU emulates.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.errors import NotEmulatedError

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.target import Target


@dataclasses.dataclass(frozen=True, kw_only=True)
class Architecture:
    """The names that one ARM architecture has with everybody."""

    name: str  # `Target.architecture`
    debian: str
    qemu: str  # qemu-<this>, qemu-system-<this>
    elf_class: int  # 1: 32 bits, 2: 64 bits
    elf_machine: int
    cpu_family: int  # cpuinfo's "CPU architecture"


ARCHITECTURES = {
    "aarch64": Architecture(
        name="aarch64", debian="arm64", qemu="aarch64", elf_class=2, elf_machine=0xB7, cpu_family=8
    ),
    "armv7": Architecture(
        name="armv7", debian="armhf", qemu="arm", elf_class=1, elf_machine=0x28, cpu_family=7
    ),
}

# Part numbers: the MIDR_EL1 of Arm's technical reference manuals. Implementer 0x41 is Arm.
_PARTS = {
    "cortex-a7": 0xC07,
    "cortex-a8": 0xC08,
    "cortex-a9": 0xC09,
    "cortex-a15": 0xC0F,
    "cortex-a35": 0xD04,
    "cortex-a53": 0xD03,
    "cortex-a55": 0xD05,
    "cortex-a57": 0xD07,
    "cortex-a72": 0xD08,
    "cortex-a76": 0xD0B,
    "neoverse-n1": 0xD0C,
}
_V7_FEATURES = "half thumb fastmult vfp edsp neon vfpv3 tls"
_V7VE_FEATURES = f"{_V7_FEATURES} vfpv4 idiva idivt vfpd32 lpae"
_V8_FEATURES = "fp asimd evtstrm crc32 cpuid"
_V82_FEATURES = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
)
_FEATURES = {
    "cortex-a8": _V7_FEATURES,
    "cortex-a9": _V7_FEATURES,
    "cortex-a7": _V7VE_FEATURES,
    "cortex-a15": _V7VE_FEATURES,
    "cortex-a55": _V82_FEATURES,
    "cortex-a76": _V82_FEATURES,
    "neoverse-n1": _V82_FEATURES,
}


def architecture_of(target: Target) -> Architecture:
    """The ARM architecture of a target.

    Raises:
        NotEmulatedError: the target is for another kind of machine, such as this one.
    """
    try:
        return ARCHITECTURES[target.architecture]
    except KeyError:
        raise NotEmulatedError(
            f"Target {target.name!r} has no emulated board.",
            why=f"It is for {target.architecture}; boards are emulated for {' and '.join(ARCHITECTURES)}.",
            fix="Name an ARM board (see `edgekit targets`), or use this machine, without --emulated.",
        ) from None


def cpuinfo(target: Target) -> str:
    """The text of /proc/cpuinfo on the emulated board."""
    cpu = target.emulated_cpu
    part = _PARTS.get(cpu, 0xD08)
    family = architecture_of(target).cpu_family
    default = _V8_FEATURES if family == 8 else _V7_FEATURES
    core = (
        "BogoMIPS\t: 108.00\n"
        f"Features\t: {_FEATURES.get(cpu, default)}\n"
        "CPU implementer\t: 0x41\n"
        f"CPU architecture: {family}\n"
        "CPU variant\t: 0x0\n"
        f"CPU part\t: {part:#x}\n"
        "CPU revision\t: 3\n"
    )
    cores = "\n".join(f"processor\t: {index}\n{core}" for index in range(target.cores))
    return f"{cores}\nHardware\t: EdgeKit emulation\nModel\t\t: {model_name(target)}\n"


def model_name(target: Target) -> str:
    """What the device tree's `model` says: the board's name, and that it is emulated."""
    return f"{target.description} (emulated)"


def write_identity(directory: Path, target: Target) -> None:
    """Write the files that the board shows instead of the host's: `cpuinfo` and the tree `sys`."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "cpuinfo").write_text(cpuinfo(target))
    cpus = directory / "sys/devices/system/cpu"
    cpus.mkdir(parents=True, exist_ok=True)
    cores = f"0-{target.cores - 1}" if target.cores > 1 else "0"
    for name in ("possible", "present", "online"):
        (cpus / name).write_text(f"{cores}\n")
    for index in range(target.cores):
        (cpus / f"cpu{index}").mkdir(exist_ok=True)
    # On a board, /proc/device-tree is a link to this folder; nothing can be added to our /proc.
    tree = directory / "sys/firmware/devicetree/base"
    tree.mkdir(parents=True, exist_ok=True)
    (tree / "model").write_text(f"{model_name(target)}\0")

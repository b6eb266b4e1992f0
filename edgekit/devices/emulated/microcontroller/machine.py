"""The machines of QEMU that stand in for microcontrollers: their memory, and what starts an image there.

Sources: Arm's application notes AN385, AN386, AN500, AN505 and AN547, and QEMU's hw/arm/mps2.c, mps2-tz.c and
hw/riscv/virt.c. What counts for an image is the instruction set; no peripheral is used.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.errors import NotEmulatedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.target import Target

_MIB = 1 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Memory:
    """A stretch of addresses."""

    origin: int
    bytes: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """What an image is made for: its memory, and the tools and the start-up code of its core."""

    flash: Memory
    ram: Memory  # nothing can be written below it, so that a stack at its start cannot overflow unseen
    toolchain: str = "arm-none-eabi"  # prefix of GCC's programs
    start_up: str = "cortex_m.c"
    reset_vectors: int | None = None  # where the core looks for them, if not at the flash's start


@dataclasses.dataclass(frozen=True, kw_only=True)
class Machine(Place):
    """A machine of QEMU, which an image is started on."""

    name: str  # QEMU's -M
    qemu: str = "qemu-system-arm"
    options: tuple[str, ...] = ()


_MPS2_FLASH = Memory(origin=0x0000_0000, bytes=4 * _MIB)
_MPS2_RAM = Memory(origin=0x2000_0000, bytes=4 * _MIB)
_MACHINES: Mapping[str, Machine] = {
    machine.name: machine
    for machine in (
        Machine(name="mps2-an385", flash=_MPS2_FLASH, ram=_MPS2_RAM),  # Cortex-M3
        Machine(name="mps2-an386", flash=_MPS2_FLASH, ram=_MPS2_RAM),  # Cortex-M4
        Machine(name="mps2-an500", flash=_MPS2_FLASH, ram=_MPS2_RAM),  # Cortex-M7
        # The cores with TrustZone start in the secure world, whose addresses have bit 28 set.
        Machine(  # Cortex-M33
            name="mps2-an505",
            flash=Memory(origin=0x1000_0000, bytes=4 * _MIB),
            ram=Memory(origin=0x3800_0000, bytes=4 * _MIB),
        ),
        Machine(  # Cortex-M55
            name="mps3-an547",
            reset_vectors=0x1000_0000,
            flash=Memory(origin=0x1100_0000, bytes=2 * _MIB),
            ram=Memory(origin=0x3100_0000, bytes=4 * _MIB),
        ),
        Machine(
            name="virt",
            qemu="qemu-system-riscv32",
            toolchain="riscv64-unknown-elf",
            start_up="riscv32.c",
            options=("-bios", "none"),
            # All of it is RAM; riscv32.c has the last 64 KiB below the stack guarded.
            flash=Memory(origin=0x8000_0000, bytes=8 * _MIB - (64 << 10)),
            ram=Memory(origin=0x8080_0000, bytes=8 * _MIB),
        ),
    )
}
_UNALIGNED_FAULTS = "thumbv6m-"  # triples of cores that refuse unaligned words, on a machine that does not


def machine_of(target: Target) -> Machine:
    """The machine that stands in for a target.

    Raises:
        NotEmulatedError: QEMU has none with such a core.
    """
    found = target.microcontroller and target.microcontroller.emulated_machine
    if not found:
        raise NotEmulatedError(
            f"{target.name} cannot be emulated.",
            why=f"QEMU has no machine with a {target.cpu}.",
            fix="Its code can be compiled and looked at; to run it, build for a target that is emulated: "
            "cortex-m55 has the same instructions as cortex-m85.",
        )
    return _MACHINES[found]


def traps_unaligned(target: Target) -> bool:
    """Whether the emulated core must be told to refuse unaligned words, as the target's core does."""
    return target.triple.startswith(_UNALIGNED_FAULTS)

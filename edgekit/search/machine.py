"""What scores were measured on, as records tell it: one name for each feature, wherever it was read."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.store import Source, Unit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgekit.devices.device import Device
    from edgekit.devices.probe import MachineFacts

# The features that decide which kernels run and how fast. LLVM's name, and the kernel's where it is another.
_NAMES = {
    "neon": ("asimd",),
    "dotprod": ("asimddp",),
    "i8mm": (),
    "sve": (),
    "avx2": (),
    "avx512f": (),
    "avx512bw": (),
    "avx512dq": (),
    "avx512vl": (),
    "avx512vnni": ("avx512_vnni",),
    "avxvnni": ("avx_vnni",),
    "amx-int8": ("amx_int8",),
}
_KNOWN = {alias: name for name, aliases in _NAMES.items() for alias in (name, *aliases)}
_CPU_NAME = "sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Machine:
    """What a runner runs on."""

    source: Source
    name: str
    features: str
    unit: Unit
    clock_mhz: float | None = None


def feature_text(names: Iterable[str]) -> str:
    """The features that matter among LLVM's or the kernel's: "dotprod,neon"."""
    return ",".join(sorted({_KNOWN[name] for name in names if name in _KNOWN}))


def machine_of(device: Device, facts: MachineFacts, source: Source) -> Machine:
    """A device that was probed."""
    named = device.run("sh", "-c", _CPU_NAME).stdout.decode(errors="replace").strip()
    return Machine(
        source=source,
        name=named or facts.model or "unknown",
        features=feature_text(facts.cpu_features or ()),
        unit=Unit.NANOSECONDS,
        clock_mhz=facts.clock_max_mhz or facts.clock_mhz,
    )

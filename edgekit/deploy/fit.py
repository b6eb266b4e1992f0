"""Whether a bundle can run on a machine, told from its manifest before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekit.errors import BundleWrongDeviceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.devices.probe import MachineFacts

# LLVM's names of CPU features, and the kernel's for the same in /proc/cpuinfo; any one of them is enough.
# Features that are not listed here are left to the golden check on the device.
_KERNEL_NAMES = {
    "neon": ("neon", "asimd"),
    "dotprod": ("asimddp",),
    "i8mm": ("i8mm",),
    "fullfp16": ("asimdhp",),
    "sve": ("sve",),
    "vfp3": ("vfpv3", "vfpv4", "asimd"),
    "vfp4": ("vfpv4", "asimd"),
    "avx2": ("avx2",),
    "avx512f": ("avx512f",),
    "avx512vnni": ("avx512_vnni",),
    "avxvnni": ("avx_vnni",),
    "amx-tile": ("amx_tile",),
    "amx-int8": ("amx_int8",),
}


def check_fit(manifest: Mapping[str, Any], facts: MachineFacts, device_name: str) -> None:
    """Return if the bundle's target fits the machine.

    Raises:
        BundleWrongDeviceError: it does not; the message says in what.
    """
    problem = misfit(manifest, facts)
    if problem is not None:
        raise BundleWrongDeviceError(
            f"The bundle for {manifest['target']['name']} does not fit {device_name}.",
            why=problem,
            fix="Build for a target like this device; `edgekit targets` lists them.",
        )


def misfit(manifest: Mapping[str, Any], facts: MachineFacts) -> str | None:
    """Why a bundle cannot run on a machine, or None. What cannot be read there counts as fitting."""
    target = manifest["target"]
    if target["architecture"] != facts.architecture:
        mixed = " (a 32-bit system on a 64-bit kernel)" if facts.is_mixed else ""
        return f"It is for {target['architecture']}; the device's programs are {facts.architecture}{mixed}."
    wanted, there = target.get("glibc"), facts.glibc
    if wanted is not None and there is not None and _version(there) < _version(wanted):
        return f"It needs glibc {wanted}; the device has {there}."
    if facts.cpu_features is None:
        return None
    missing = [name for name in _required(target) if not _has(name, facts.cpu_features)]
    if missing:
        return f"It uses CPU features that the device lacks: {', '.join(missing)}."
    return None


def _required(target: Mapping[str, Any]) -> list[str]:
    return [feature[1:] for feature in target.get("features", ()) if feature.startswith("+")]


def _has(feature: str, there: tuple[str, ...]) -> bool:
    names = _KERNEL_NAMES.get(feature)
    return names is None or any(name in there for name in names)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))

"""One target for each class of CPUs that the store is filled for."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.schedule.cpu import cpu_features
from edgekit.search.machine import feature_text
from edgekit.store import Unit
from edgekit.target import load_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.search.machine import Machine
    from edgekit.target import Target


def _x86(cpu: str, *features: str) -> Target:
    return dataclasses.replace(
        load_target("host"), name=cpu, triple="x86_64-linux-gnu", cpu=cpu, features=features
    )


# By the names of the classes. ARM's are counted under QEMU, x86's timed on the machine that fills the store.
TARGETS: dict[str, Callable[[], Target]] = {
    "armv7": lambda: dataclasses.replace(load_target("generic-armv7"), name="armv7", features=("-neon",)),
    "armv7-neon": lambda: load_target("beaglebone-black"),
    "aarch64-neon": lambda: load_target("rpi4"),
    "aarch64-neon-dotprod": lambda: load_target("rpi5"),
    "aarch64-neon-i8mm": lambda: dataclasses.replace(
        load_target("rpi5"), features=("+neon", "+dotprod", "+i8mm"), emulated_cpu="max"
    ),
    "x86-64": lambda: _x86("x86-64-v2"),
    "x86-64-avx2": lambda: _x86("x86-64-v3"),
    "x86-64-avx512vnni": lambda: _x86("x86-64-v4", "+avx512vnni"),
    "x86-64-amx": lambda: _x86("x86-64-v4", "+avx512vnni", "+amx-tile", "+amx-int8"),
}


def can_measure(machine: Machine, target: Target) -> bool:
    """Whether a machine has the features that a target's code uses. Emulators have what they are told to."""
    if machine.unit is Unit.INSTRUCTIONS:
        return True
    asked = feature_text(cpu_features(target))
    return not asked or set(asked.split(",")) <= set(machine.features.split(","))

"""What machine a device is and what state it is in, asked in one go with POSIX sh and coreutils."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from edgekit.errors import RemoteToolMissingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.devices.device import Device

# Every line may fail: a board without a sensor, a container without /sys, a user without the right.
_SCRIPT = r"""
exec 2>/dev/null
section() { printf '\n@@ %s\n' "$1"; }
section kernel; uname -srm
section userland; od -An -tx1 -N20 /bin/sh
section model
{ cat /sys/firmware/devicetree/base/model || cat /sys/devices/virtual/dmi/id/product_name; } | tr -d '\000'
section cores; nproc || getconf _NPROCESSORS_ONLN
section cpuinfo; cat /proc/cpuinfo
section memory; cat /proc/meminfo
section libc; getconf GNU_LIBC_VERSION
cpufreq=/sys/devices/system/cpu/cpu0/cpufreq
section governor; cat $cpufreq/scaling_governor
section clock; cat $cpufreq/scaling_cur_freq
section clock-max; cat $cpufreq/cpuinfo_max_freq
section temperature
for zone in /sys/class/thermal/thermal_zone*; do
  [ -r $zone/temp ] && printf '%s %s\n' "$(cat $zone/type)" "$(cat $zone/temp)"
done
section throttled; cat /sys/devices/platform/soc/soc:firmware/get_throttled || vcgencmd get_throttled
exit 0
"""

# e_machine of an ELF header, and the byte that says 32 or 64 bits: what programs there are made for.
_ELF_MACHINES = {0xB7: "aarch64", 0x28: "arm", 0x3E: "x86_64", 0x03: "i386", 0xF3: "riscv"}
_ELF_64_BIT = 2

# Of several thermal zones, the one that speaks of the CPU.
_CPU_ZONES = re.compile(r"cpu|x86_pkg|soc|package", re.IGNORECASE)

# Bits of the Raspberry Pi firmware's word: under-voltage, clock capped, throttled, temperature limit.
THROTTLED_NOW = 0b1111
THROTTLED_SINCE_START = THROTTLED_NOW << 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class MachineFacts:
    """A device's machine and its state when it was asked. None is what cannot be read there."""

    architecture: str  # of its programs: "aarch64", "armv7", "x86_64", or another name as it is
    kernel_architecture: str | None  # "aarch64" under a 32-bit userland, too
    kernel: str | None  # "Linux 6.6.31"
    glibc: str | None  # "2.36"; None also for another C library
    model: str | None  # "Raspberry Pi 4 Model B Rev 1.4"
    cores: int | None
    cpu_features: tuple[str, ...] | None  # the kernel's names, sorted: ("asimd", "asimddp", …)
    governor: str | None
    clock_mhz: float | None  # of the first core, now
    clock_max_mhz: float | None
    temperature_c: float | None
    throttled_now: bool | None  # Raspberry Pi: voltage, clock or temperature limit in force
    throttled_since_start: bool | None
    memory_total_kib: int | None
    memory_available_kib: int | None

    @property
    def is_mixed(self) -> bool:
        """Whether a 32-bit userland runs under a 64-bit kernel."""
        return self.architecture == "armv7" and self.kernel_architecture == "aarch64"


def probe(device: Device) -> MachineFacts:
    """Ask a device what it is; one program, started once.

    Raises:
        RemoteToolMissingError: there is no POSIX shell.
        DeviceError: the device cannot be reached.
    """
    return parse_facts(ask(device, _SCRIPT))


def ask(device: Device, script: str) -> str:
    """What a shell script prints on a device.

    Raises:
        RemoteToolMissingError: there is no POSIX shell.
        DeviceError: the device cannot be reached.
    """
    done = device.run("sh", "-c", script)
    if done.exit_code != 0:
        raise RemoteToolMissingError(
            f"{device.name} has no working `sh`.",
            why=done.stderr.decode(errors="replace").strip() or f"It ended with exit code {done.exit_code}.",
            fix="EdgeKit needs a POSIX shell and coreutils (or busybox) on the device.",
        )
    return done.stdout.decode(errors="replace")


def parse_facts(text: str) -> MachineFacts:
    """Read what the probe's script printed; anything missing or odd becomes None."""
    found = sections(text)
    cpuinfo = _colon_table(found.get("cpuinfo", ""))
    memory = _colon_table(found.get("memory", ""))
    kernel, kernel_architecture = _kernel(found.get("kernel", ""))
    throttled = firmware_word(found.get("throttled", ""))
    return MachineFacts(
        architecture=_userland(found.get("userland", ""), kernel_architecture),
        kernel_architecture=kernel_architecture,
        kernel=kernel,
        glibc=_found(r"^glibc (\d+\.\d+)", found.get("libc", "")),
        model=found.get("model") or cpuinfo.get("Model") or cpuinfo.get("model name"),
        cores=_integer(found.get("cores", "")),
        cpu_features=_features(cpuinfo),
        governor=found.get("governor") or None,
        clock_mhz=_scaled(found.get("clock", ""), 1000) or _scaled(cpuinfo.get("cpu MHz", ""), 1),
        clock_max_mhz=_scaled(found.get("clock-max", ""), 1000),
        temperature_c=cpu_temperature(found.get("temperature", "")),
        throttled_now=None if throttled is None else bool(throttled & THROTTLED_NOW),
        throttled_since_start=None if throttled is None else bool(throttled & THROTTLED_SINCE_START),
        memory_total_kib=_integer(memory.get("MemTotal", "").removesuffix(" kB")),
        memory_available_kib=_integer(memory.get("MemAvailable", "").removesuffix(" kB")),
    )


def sections(text: str) -> Mapping[str, str]:
    """What a script printed between its `@@ name` lines."""
    parts = re.split(r"^@@ (.+)$", text, flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def _colon_table(text: str) -> Mapping[str, str]:
    """`key : value` lines; of a key that comes once per core, the first."""
    table: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            table.setdefault(key.strip(), value.strip())
    return table


def _kernel(uname: str) -> tuple[str | None, str | None]:
    words = uname.split()
    return (" ".join(words[:2]), words[2]) if len(words) == 3 else (None, None)


def _userland(header: str, kernel_architecture: str | None) -> str:
    """The architecture of /bin/sh; where that cannot be read, the kernel's."""
    octets = [int(word, 16) for word in header.split() if re.fullmatch("[0-9a-f]{2}", word)]
    if len(octets) != 20 or octets[:4] != [0x7F, *b"ELF"]:
        return _normalised(kernel_architecture or "unknown")
    machine = _ELF_MACHINES.get(octets[18] | octets[19] << 8, "unknown")
    if machine == "arm":
        # The header does not tell ARMv6 from ARMv7, but only an ARMv6 kernel runs on an ARMv6 CPU.
        return "armv6" if (kernel_architecture or "").startswith("armv6") else "armv7"
    return "x32" if machine == "x86_64" and octets[4] != _ELF_64_BIT else machine


def _normalised(machine: str) -> str:
    if machine.startswith(("armv7", "armv8")):  # armv8l: a 64-bit CPU in 32-bit mode
        return "armv7"
    return {"arm64": "aarch64", "amd64": "x86_64", "armv6l": "armv6"}.get(machine, machine)


def _features(cpuinfo: Mapping[str, str]) -> tuple[str, ...] | None:
    listed = cpuinfo.get("Features") or cpuinfo.get("flags")  # ARM and x86
    return tuple(sorted(set(listed.split()))) if listed else None


def cpu_temperature(zones: str) -> float | None:
    """Degrees Celsius of the CPU's zone, or of the first one. The kernel gives thousandths."""
    readings: list[tuple[bool, float]] = []
    for line in zones.splitlines():
        kind, _, value = line.rpartition(" ")
        if re.fullmatch(r"-?\d+", value):
            readings.append((_CPU_ZONES.search(kind) is None, int(value) / 1000))
    return min(readings, key=lambda reading: reading[0])[1] if readings else None


def firmware_word(text: str) -> int | None:
    """The firmware's word, from `throttled=0x50005` or the kernel's plain `50005`."""
    word = _found(r"^(?:throttled=)?(?:0x)?([0-9a-fA-F]+)$", text)
    return int(word, 16) if word is not None else None


def _found(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text)
    return match[1] if match else None


def _integer(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _scaled(text: str, divisor: int) -> float | None:
    try:
        return float(text) / divisor
    except ValueError:
        return None

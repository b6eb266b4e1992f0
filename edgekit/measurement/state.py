"""The state a machine is in: what makes the same program take longer a minute later."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from edgekit.devices.probe import THROTTLED_NOW, ask, cpu_temperature, firmware_word, sections

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.devices.device import Device

# Every line may fail: a board without a sensor, a container without /sys, a user without the right.
_SCRIPT = r"""
exec 2>/dev/null
section() { printf '\n@@ %s\n' "$1"; }
cpu=/sys/devices/system/cpu
section cores; nproc || getconf _NPROCESSORS_ONLN
# A governor lets the clock fall when nothing runs: keep a core busy for some 0.1 s, then look.
[ -r $cpu/cpu0/cpufreq/scaling_cur_freq ] && { i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done; }
section clocks; cat $cpu/cpu[0-9]*/cpufreq/scaling_cur_freq
section cpuinfo-clocks; grep '^cpu MHz' /proc/cpuinfo
section clock-max; cat $cpu/cpu0/cpufreq/cpuinfo_max_freq
section governor; cat $cpu/cpu0/cpufreq/scaling_governor
section temperature
for zone in /sys/class/thermal/thermal_zone*; do
  [ -r $zone/temp ] && printf '%s %s\n' "$(cat $zone/type)" "$(cat $zone/temp)"
done
section throttled; cat /sys/devices/platform/soc/soc:firmware/get_throttled || vcgencmd get_throttled
section cooling
for device in /sys/class/thermal/cooling_device*; do
  [ -r $device/cur_state ] && printf '%s %s\n' "$(cat $device/type)" "$(cat $device/cur_state)"
done
section throttle-count; cat $cpu/cpu0/thermal_throttle/package_throttle_count
section load; cat /proc/loadavg
section stat; head -1 /proc/stat
exit 0
"""

# Cooling devices that hold the CPU's clock down; the others are fans, GPUs and the like.
_CPU_COOLING = re.compile(r"cpufreq|processor", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CpuTime:
    """Ticks since the machine started, summed over its cores. Only differences of two mean anything."""

    busy: int  # programs and kernel
    stolen: int  # a virtual machine waited for its host
    total: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class MachineState:
    """What was read on a device at one moment. None is what cannot be read there; nothing is guessed."""

    cores: int | None
    clocks_mhz: tuple[float, ...] | None  # one a core
    clock_max_mhz: float | None
    governor: str | None  # how the kernel chooses the clock: "ondemand", "performance"
    temperature_c: float | None  # of the CPU
    throttled: bool | None  # clock held down now, by temperature or supply voltage
    throttle_events: int | None  # since the machine started, where the CPU counts them (x86)
    load_average: float | None  # programs that want to run, over the last minute
    cpu_time: CpuTime | None

    @property
    def clock_mhz(self) -> float | None:
        """The fastest core's clock: the one that a single busy thread is on."""
        return max(self.clocks_mhz) if self.clocks_mhz else None


def read_state(device: Device) -> MachineState:
    """Ask a device for its state; one program, started once. The clock is that of a busy core.

    Raises:
        RemoteToolMissingError: there is no POSIX shell.
        DeviceError: the device cannot be reached.
    """
    return parse_state(ask(device, _SCRIPT))


def parse_state(text: str) -> MachineState:
    """Read what the script printed; anything missing or odd becomes None."""
    found = sections(text)
    return MachineState(
        cores=_integer(found.get("cores", "")),
        clocks_mhz=_clocks(found),
        clock_max_mhz=_first(_numbers(found.get("clock-max", ""), 1000)),
        governor=found.get("governor") or None,
        temperature_c=cpu_temperature(found.get("temperature", "")),
        throttled=_throttled(found),
        throttle_events=_integer(found.get("throttle-count", "")),
        load_average=_first(_numbers(found.get("load", "").partition(" ")[0], 1)),
        cpu_time=_cpu_time(found.get("stat", "")),
    )


def _clocks(found: Mapping[str, str]) -> tuple[float, ...] | None:
    """From cpufreq in kHz; else from /proc/cpuinfo, where x86 has them in MHz."""
    listed = found.get("cpuinfo-clocks", "").replace("cpu MHz", "").replace(":", "")
    return _numbers(found.get("clocks", ""), 1000) or _numbers(listed, 1) or None


def _throttled(found: Mapping[str, str]) -> bool | None:
    """The firmware's word (Raspberry Pi), and the kernel's cooling of the CPU (any board)."""
    word = firmware_word(found.get("throttled", ""))
    cooling = [
        int(state)
        for kind, _, state in (line.rpartition(" ") for line in found.get("cooling", "").splitlines())
        if _CPU_COOLING.search(kind) and state.isdecimal()
    ]
    readings = [state > 0 for state in cooling]
    if word is not None:
        readings.append(bool(word & THROTTLED_NOW))
    return any(readings) if readings else None


def _cpu_time(line: str) -> CpuTime | None:
    """The first line of /proc/stat: user nice system idle iowait irq softirq steal, then guests."""
    words = line.split()[1:9]
    if len(words) != 8 or not all(word.isdecimal() for word in words):
        return None
    user, nice, system, idle, waiting, irq, softirq, stolen = map(int, words)
    busy = user + nice + system + irq + softirq
    return CpuTime(busy=busy, stolen=stolen, total=busy + idle + waiting + stolen)


def _numbers(text: str, divisor: int) -> tuple[float, ...]:
    try:
        return tuple(float(word) / divisor for word in text.split())
    except ValueError:
        return ()


def _first(numbers: tuple[float, ...]) -> float | None:
    return numbers[0] if numbers else None


def _integer(text: str) -> int | None:
    return int(text) if text.isdecimal() else None

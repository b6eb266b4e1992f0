"""Show where a build's time goes on a device, or its instructions on an emulated one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.deploy import DEFAULT_ROOT
from edgekit.devices.choice import DeviceChoice
from edgekit.devices.probe import probe
from edgekit.devices.workspace import is_firmware
from edgekit.errors import WrongValueError
from edgekit.profile import InstructionProfile, Profile, count_bundle, count_firmware, profile_bundle
from edgekit.verbs.builds import find_bundles
from edgekit.verbs.connect import can_run_here, refuse_emulated_time, target_of
from edgekit.verbs.selection import bundle_to_emulate, firmware_bundle, selected, serving_release
from edgekit.verbs.threads import check_threads, refuse_to_count

if TYPE_CHECKING:
    from collections.abc import Callable

    Progress = Callable[[str, float | None], None]

_HERE = DeviceChoice()


def profile(
    bundle: Path | str | None = None,
    *,
    device: DeviceChoice = _HERE,
    builds: Path | str = "build",
    target: str | None = None,
    warmup: int = 10,
    runs: int = 50,
    deployed: bool = False,
    threads: int = 1,
    root: str = DEFAULT_ROOT,
    progress: Progress = lambda _stage, _share: None,
) -> Profile | InstructionProfile:
    """Time every operator of a build on a device.

    An emulator's clock says nothing about a board, so on an emulated device the answer is an
    `InstructionProfile`: the executed instructions of each operator, and no time at all. It is
    counted by QEMU on this machine; no board needs to be up.

    Args:
        bundle: a bundle's folder, or one with several; by default all in `builds`. Of several, the
            newest that fits the device is taken.
        device: a host, emulation, or by default this machine if it can run the build, else emulation.
        builds: root of the build folders.
        target: only builds for this target. Of one for a microcontroller, instructions are counted.
        warmup: invocations before the first that counts, at least: more come until the times are steady
            (not used when instructions are counted).
        runs: invocations that count (not used when instructions are counted).
        deployed: time the release that serves on the device, not a temporary copy of the build (not used
            when instructions are counted).
        threads: that share the work of each run. With more than one, the model is timed with one thread
            too, to show the scaling; where no step is worth sharing, one thread runs it anyhow, and the
            answer's `threads` is 1. Instructions are counted of one thread only.
        root: folder for all releases on the device.
        progress: called with each stage and the share done (0 to 1, or None).

    Returns:
        Times with their spread, shares, memory and the machine's state; or instructions.

    Raises:
        WrongValueError: `runs`, `warmup` or `threads` is too small (exit code 2), or instructions of
            several threads are asked for.
        BundleUnreadableError, BundleVersionError, BundleAlteredError: the bundle cannot be used.
        NoFittingBuildError, BundleWrongDeviceError: no build is for this device (5).
        UnclearBuildError: builds of several models fit (2).
        NoReleaseError: with `deployed`: this build does not serve there (5).
        NotEmulatedError, EmulatorFailedError: the build cannot be run under QEMU.
        EmulatedTimeError: `device` names an emulated board by its address (2).
        LibraryRefusedError, RunnerFailedError: the model does not run on the device (5).
        DeviceError: the device cannot be reached, or has no room (5).
        ToolMissingError: QEMU is not installed (8).
    """
    check_threads(threads)
    found = find_bundles(Path(bundle) if bundle is not None else None, Path(builds), target)
    firmware = firmware_bundle(found, device)
    if firmware is not None:
        if device.probe:
            raise WrongValueError(
                "A board by its debug probe cannot be profiled.",
                why="Nothing counts its instructions.",
                fix="Leave the probe out: they are counted on an emulated board.",
            )
        refuse_to_count(threads)
        return count_firmware(firmware, progress=progress)
    found = tuple(each for each in found if not is_firmware(each.manifest))
    if device.host is None and (device.emulated or not can_run_here(found)):
        refuse_to_count(threads)
        chosen = bundle_to_emulate(found)
        return count_bundle(chosen, target_of(chosen), progress=progress)
    with selected(bundle, device, builds, progress, target=target) as (chosen, machine):
        refuse_emulated_time(probe(machine), machine.name, "edgekit profile")
        release = serving_release(chosen, machine, root) if deployed else None
        return profile_bundle(
            chosen,
            machine,
            warmup=warmup,
            runs=runs,
            threads=threads,
            release=release,
            progress=progress,
        )

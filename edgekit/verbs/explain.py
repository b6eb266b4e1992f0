"""Say why a build is not faster on a device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.devices.choice import DeviceChoice
from edgekit.devices.probe import probe
from edgekit.errors import EmulatedTimeError
from edgekit.profile import Explanation, explain_bundle
from edgekit.verbs.builds import find_bundles
from edgekit.verbs.connect import can_run_here, refuse_emulated_time
from edgekit.verbs.selection import selected

if TYPE_CHECKING:
    from collections.abc import Callable

    Progress = Callable[[str, float | None], None]

_HERE = DeviceChoice()


def explain(
    bundle: Path | str | None = None,
    *,
    device: DeviceChoice = _HERE,
    builds: Path | str = "build",
    runs: int = 50,
    progress: Progress = lambda _stage, _share: None,
) -> Explanation:
    """Find out why a build takes as long as it does on a device, and what each cause is worth.

    Args:
        bundle: a bundle's folder, or one with several; by default all in `builds`. Of several, the
            newest that fits the device is taken.
        device: a host, or by default this machine.
        builds: root of the build folders.
        runs: invocations that count, with one thread and again with one for each core.
        progress: called with each stage and the share done (0 to 1, or None).

    Returns:
        Ranked causes, each measured or marked as an estimate; how near each operator is to the measured
        limits of the machine; and the profile that they come from, with its verdict.

    Raises:
        EmulatedTimeError: the device is emulated, so nothing can be timed on it (exit code 2).
        WrongValueError: the bundle's engine is LiteRT, or `runs` is too small (2).
        BundleUnreadableError, BundleVersionError, BundleAlteredError: the bundle cannot be used.
        NoFittingBuildError, BundleWrongDeviceError: no build is for this device (5).
        UnclearBuildError: builds of several models fit (2).
        LibraryRefusedError, RunnerFailedError: the model does not run on the device (5).
        DeviceError: the device cannot be reached, or has no room (5).
    """
    found = find_bundles(Path(bundle) if bundle is not None else None, Path(builds))
    if device.host is None and (device.emulated or not can_run_here(found)):
        foreign = "" if device.emulated else "This machine runs no such build, so a board would be emulated. "
        raise EmulatedTimeError(
            "What an emulated board's time is spent on cannot be explained.",
            why=f"{foreign}Its clock measures this machine, not a board.",
            fix="Give a board: --host. 'edgekit profile --emulated' counts each operator's instructions.",
        )
    with selected(bundle, device, builds, progress) as (chosen, machine):
        refuse_emulated_time(probe(machine), machine.name, "edgekit profile")
        return explain_bundle(chosen, machine, runs=runs, progress=progress)

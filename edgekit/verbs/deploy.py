"""Put a build on a device, and let it serve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.deploy import DEFAULT_ROOT, Deployment, choose_bundle
from edgekit.deploy import deploy as deploy_bundle
from edgekit.devices.choice import DeviceChoice
from edgekit.devices.probe import probe
from edgekit.devices.workspace import is_firmware
from edgekit.errors import WrongValueError
from edgekit.verbs.builds import find_bundles
from edgekit.verbs.connect import connected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgekit.artifacts import Bundle

    Progress = Callable[[str, float | None], None]

_HERE = DeviceChoice()


def deploy(
    bundle: Path | str | None = None,
    *,
    device: DeviceChoice = _HERE,
    builds: Path | str = "build",
    root: str = DEFAULT_ROOT,
    keep: int = 3,
    progress: Progress = lambda _stage, _share: None,
) -> Deployment:
    """Push a build to a device, prove it there, and switch to it.

    The build goes to a staging folder; its digests and golden outputs are checked on the device; a
    symbolic link is switched atomically; the golden check runs again in place. Whatever happens on
    the way, and at whatever moment, the release that served before keeps serving or comes back.

    Args:
        bundle: a bundle's folder, or one with several; by default all in `builds`. Of several, the
            newest that fits the device is taken.
        device: a host, the emulated board, or by default this machine if it can run the build, else
            the emulated board.
        builds: root of the build folders.
        root: folder for all releases on the device, absolute or from the user's home.
        keep: releases to keep there, the new one included.
        progress: called with each stage and the share done (0 to 1, or None).

    Returns:
        The release that serves now, what was removed for it, and the machine it runs on.

    Raises:
        BundleUnreadableError, BundleVersionError, BundleAlteredError: the bundle cannot be used.
        NoFittingBuildError, BundleWrongDeviceError: no build is for this device (exit code 5).
        UnclearBuildError: builds of several models fit (2).
        WrongValueError: all builds are for microcontrollers (2).
        DeviceError: the device cannot be reached, is full, locked or lost (5).
        OutputsDifferError: the golden check failed there; nothing was switched (3).
        RolledBackError: the release failed in place, and the one before serves again (6).
    """
    bundles = _deployable(find_bundles(Path(bundle) if bundle is not None else None, Path(builds)))
    with connected(device, bundles, progress=progress) as machine:
        facts = probe(machine)
        chosen = bundles[0] if len(bundles) == 1 else choose_bundle(bundles, facts, machine.name)
        return deploy_bundle(chosen, machine, progress=progress, root=root, keep=keep, facts=facts)


def _deployable(bundles: Sequence[Bundle]) -> tuple[Bundle, ...]:
    """The builds that a device can take up: all but those for microcontrollers.

    Raises:
        WrongValueError: there is no other.
    """
    found = tuple(each for each in bundles if not is_firmware(each.manifest))
    if not found:
        name = bundles[0].manifest["target"]["name"]
        raise WrongValueError(
            f"A build for {name} is not deployed.",
            why="It is C for the firmware of a microcontroller, which your own build takes in and flashes.",
            fix=f"{bundles[0].path / 'README.md'} says how; "
            f"'edgekit verify --target {name}' proves it on an emulated core, with --probe on its board.",
        )
    return found

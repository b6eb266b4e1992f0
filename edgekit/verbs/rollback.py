"""Take a release back: an earlier one serves again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.deploy import DEFAULT_ROOT, Rollback, deployed_models
from edgekit.deploy import rollback as roll_back
from edgekit.deploy.errors import NoReleaseError, UnclearModelError
from edgekit.devices.choice import DeviceChoice
from edgekit.verbs.builds import deployable_bundles
from edgekit.verbs.connect import connected

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.devices.device import Device

    Progress = Callable[[str, float | None], None]

_HERE = DeviceChoice()


def rollback(
    model: str | None = None,
    *,
    device: DeviceChoice = _HERE,
    to: str | None = None,
    builds: Path | str = "build",
    root: str = DEFAULT_ROOT,
    progress: Progress = lambda _stage, _share: None,
) -> Rollback:
    """Let an earlier release serve again, after its golden check passed on the device.

    Args:
        model: name of the model; by default the only one that is deployed there.
        device: as for `deploy`; builds in `builds` say whether this machine or the emulated board is meant.
        to: identifier of a release; by default the one that the current release took over from.
        builds: root of the build folders.
        root: folder for all releases on the device.
        progress: called with each stage and the share done (0 to 1, or None).

    Returns:
        The release that serves now, and the one that was left.

    Raises:
        UnclearModelError: several models are deployed there (exit code 2).
        NoReleaseError, FailedReleaseError: there is nothing to go back to, or it has failed before (5).
        DeviceError: the device cannot be reached, is locked or lost (5).
        OutputsDifferError: the earlier release no longer gives the right outputs; nothing was switched (3).
        RolledBackError: it failed in place, and the release that served until now serves again (6).
    """
    with connected(device, deployable_bundles(Path(builds)), progress=progress) as machine:
        name = model if model is not None else _only_model(machine, root)
        return roll_back(name, machine, progress=progress, root=root, to=to)


def _only_model(machine: Device, root: str) -> str:
    names = deployed_models(machine, root=root)
    if len(names) == 1:
        return names[0]
    if not names:
        raise NoReleaseError(
            f"Nothing is deployed on {machine.name}.",
            why=f"There is no model in {root}.",
            fix="Deploy first, or name the right device and --root.",
        )
    raise UnclearModelError(
        f"Several models are deployed on {machine.name}.",
        why=f"They are {', '.join(names)}.",
        fix=f"Name one: edgekit rollback {names[0]}",
    )

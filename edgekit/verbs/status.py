"""Say what is deployed on a device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.deploy import DEFAULT_ROOT, Status
from edgekit.deploy import status as status_of
from edgekit.devices.choice import DeviceChoice
from edgekit.verbs.builds import deployable_bundles
from edgekit.verbs.connect import connected

if TYPE_CHECKING:
    from collections.abc import Callable

    Progress = Callable[[str, float | None], None]

_HERE = DeviceChoice()


def status(
    model: str | None = None,
    *,
    device: DeviceChoice = _HERE,
    builds: Path | str = "build",
    root: str = DEFAULT_ROOT,
    progress: Progress = lambda _stage, _share: None,
) -> tuple[Status, ...]:
    """What is deployed on a device: releases, which one serves, and whether its files are as deployed.

    Args:
        model: name of one model; by default all that are deployed.
        device: as for `deploy`; builds in `builds` say whether this machine or the emulated board is meant.
        builds: root of the build folders.
        root: folder for all releases on the device.
        progress: called with each stage.

    Returns:
        One value a model; a model that was never deployed has no releases.

    Raises:
        DeviceError: the device cannot be reached or lacks a tool (exit code 5).
    """
    with connected(device, deployable_bundles(Path(builds)), progress=progress) as machine:
        progress("checking digests on the device", None)
        return status_of(machine, model=model, root=root)

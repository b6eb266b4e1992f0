"""Going back to a release that served before."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.deploy.check import check_golden
from edgekit.deploy.errors import FailedReleaseError, NoReleaseError
from edgekit.deploy.layout import DEFAULT_ROOT, Layout
from edgekit.deploy.lock import describe_us, locked
from edgekit.deploy.releases import Release, Survey, survey
from edgekit.deploy.switch import switch
from edgekit.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.devices.device import Device

    Progress = Callable[[str, float | None], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rollback:
    """What a rollback did."""

    device: str
    directory: str
    left: str | None  # the release that served until now
    release: Release  # the one that serves now


def rollback(
    model: str, device: Device, *, progress: Progress, root: str = DEFAULT_ROOT, to: str | None = None
) -> Rollback:
    """Let an earlier release serve again, after its golden check passed on the device.

    Without `to` it is the release that the current one took over from.

    Raises:
        NoReleaseError: nothing is deployed, there is nothing to go back to, or no release is called `to`.
        FailedReleaseError: `to` has failed before.
        DeployLockedError: someone else deploys this model there.
        OutputsDifferError: the earlier release no longer gives the oracle's outputs; nothing was switched.
        RolledBackError: it failed in its place, and the release that served until now serves again.
        DeviceError: the device cannot be reached, refused or was lost.
    """
    layout = Layout.of(model, root)
    _choose(survey(device, layout), to, layout, device.name)  # before a lock or a folder is made there
    with locked(device, layout, describe_us()):
        found = survey(device, layout)
        release = _choose(found, to, layout, device.name)
        is_checked = release.golden_frames is not None
        progress("checking outputs on the device", None)
        check_golden(device, layout.release(release.id), release.library, is_checked=is_checked)
        progress("switching", None)
        switch(
            device,
            layout,
            to=release.id,
            before=found.current,
            library=release.library,
            is_checked=is_checked,
        )
    return Rollback(device=device.name, directory=layout.directory, left=found.current, release=release)


def _choose(found: Survey, to: str | None, layout: Layout, device_name: str) -> Release:
    where = f"{layout.directory} on {device_name}"
    if not found.releases:
        raise NoReleaseError(
            f"There is no release in {where}.",
            why="Nothing was deployed there under this name.",
            fix="Deploy first, or name the right model, device and --root.",
        )
    names = [release.id for release in found.releases]
    release = found.find(to) if to is not None else _earlier(found)
    if release is None and to is not None:
        raise NoReleaseError(
            f"There is no release {to!r} in {where}.",
            why=f"There are: {', '.join(names)}.",
            fix=nearest(to, names, "Name one of these."),
        )
    if release is None:
        raise NoReleaseError(
            f"There is no release to go back to in {where}.",
            why=f"{found.current or 'Nothing'} serves, and no good release is older.",
            fix="Deploy another bundle.",
        )
    if release.failed is not None:
        raise FailedReleaseError(
            f"Release {release.id} in {where} must not serve.",
            why=f"It has failed before: {release.failed}",
            fix="Choose another one; `edgekit status` lists them.",
        )
    if release.id == found.current:
        raise NoReleaseError(
            f"Release {release.id} serves already.",
            why="It is the current one.",
            fix="Nothing is to be done.",
        )
    return release


def _earlier(found: Survey) -> Release | None:
    if found.current is not None:
        return found.before(found.current)
    good = [release for release in found.releases if release.failed is None]
    return good[-1] if good else None

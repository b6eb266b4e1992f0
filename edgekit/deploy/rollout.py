"""Deploying one bundle, from the first look at the machine to the last old release removed."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.deploy.check import check_golden
from edgekit.deploy.errors import with_outcome
from edgekit.deploy.fit import check_fit
from edgekit.deploy.layout import DEFAULT_ROOT, RECORD_NAME, Layout, run_script
from edgekit.deploy.lock import describe_us, locked, utc_now, who
from edgekit.deploy.releases import Release, Survey, make_record, prune, survey
from edgekit.deploy.switch import switch
from edgekit.deploy.upload import GOLDEN_OUTPUTS, make_payload, prepare, upload, verify_digests
from edgekit.devices.probe import MachineFacts, probe
from edgekit.errors import ConnectionLostError, DeviceError, EdgeKitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgekit.artifacts import Bundle
    from edgekit.deploy.upload import Payload
    from edgekit.devices.device import Device

    Progress = Callable[[str, float | None], None]

# The new release is on the disk before it has its place, also if the power goes.
_PLACE = r"""
cd "$1" || exit
sync -f "$2" 2>/dev/null || sync
mv "$2" "releases/$3"
"""
_DISCARD = 'rm -rf "$1"'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deployment:
    """A bundle that serves on a device."""

    device: str
    directory: str  # on the device: the model's folder
    release: Release
    removed: tuple[str, ...]  # old releases that made room
    machine: MachineFacts

    @property
    def current(self) -> str:
        """The path on the device that always leads to the serving release."""
        return f"{self.directory}/current"


def deploy(
    bundle: Bundle,
    device: Device,
    *,
    progress: Progress,
    root: str = DEFAULT_ROOT,
    keep: int = 3,
    facts: MachineFacts | None = None,
) -> Deployment:
    """Put a bundle on a device and let it serve, checked at every step; keep `keep` releases.

    Until the switch nothing that serves is touched, and after it the old release comes back unless
    the new one passes its golden check in its place.

    Raises:
        BundleWrongDeviceError: the bundle is for another kind of machine.
        DeployLockedError: someone else deploys this model there.
        DeviceDiskFullError: there is no room.
        AlteredInTransitError: what arrived is not what was sent.
        OutputsDifferError: the golden check on the device failed; nothing was switched.
        RolledBackError: the new release failed in its place, and the one before serves again.
        DeviceError: the device cannot be reached, refused or was lost; the message says what serves.
    """
    progress("looking at the device", None)
    machine = facts or probe(device)
    check_fit(bundle.manifest, machine, device.name)
    layout = Layout.of(bundle.manifest["model"]["name"], root)
    with tempfile.TemporaryDirectory(prefix="edgekit-deploy-") as workspace:
        payload = make_payload(bundle, Path(workspace))
        with locked(device, layout, describe_us()):
            found = survey(device, layout)
            draft = _draft(bundle, payload, found.current)
            release = _bring(device, layout, draft, payload, Path(workspace), progress)
            progress("switching", None)
            switch(
                device,
                layout,
                to=release.id,
                before=release.previous,
                library=release.library,
                is_checked=release.golden_frames is not None,
            )
            progress("removing old releases", None)
            now = dataclasses.replace(found, current=release.id, releases=(*found.releases, release))
            removed = _prune(device, layout, now, keep)
    return Deployment(
        device=device.name, directory=layout.directory, release=release, removed=removed, machine=machine
    )


def _draft(bundle: Bundle, payload: Payload, previous: str | None) -> Release:
    digest = hashlib.sha256((bundle.path / "manifest.json").read_bytes()).hexdigest()
    now = utc_now()
    return Release(
        id=f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03}Z-{digest[:8]}",
        deployed_by=who(),
        deployed_at=now.isoformat(timespec="seconds"),
        target=bundle.manifest["target"]["name"],
        library=payload.library,
        digest=digest,
        golden_frames=None,
        previous=previous,
        files=payload.digests,
        failed=None,
        altered=None,
    )


def _bring(
    device: Device, layout: Layout, draft: Release, payload: Payload, workspace: Path, progress: Progress
) -> Release:
    """Upload, check and place a release; nothing points at it yet."""
    staging = layout.staging(draft.id)
    with _leaving_the_old_one(device, staging, draft.previous):
        prepare(device, layout.directory, staging, payload)
        upload(device, staging, payload, progress)
        progress("checking digests on the device", None)
        verify_digests(device, staging, payload)
        progress("checking outputs on the device", None)
        is_checked = GOLDEN_OUTPUTS in payload.files
        frames = check_golden(device, staging, payload.library, is_checked=is_checked)
        release = dataclasses.replace(draft, golden_frames=frames)
        record = workspace / RECORD_NAME
        record.write_bytes(make_record(release))
        device.put(record, f"{staging}/{RECORD_NAME}")
        name = staging.rpartition("/")[2]
        run_script(device, "place the release", _PLACE, layout.directory, name, draft.id)
    return release


@contextmanager
def _leaving_the_old_one(device: Device, staging: str, previous: str | None) -> Iterator[None]:
    """Say in every failure what serves, and take what was sent off the device while it can be reached."""
    serves = f"{previous} still serves." if previous is not None else "Nothing serves there, as before."
    try:
        yield
    except ConnectionLostError as error:
        raise with_outcome(error, f"{serves} The next deploy removes what was sent.") from error
    except EdgeKitError as error:
        _discard(device, staging)
        raise with_outcome(error, serves) from error
    except BaseException:
        _discard(device, staging)
        raise


def _discard(device: Device, staging: str) -> None:
    try:
        run_script(device, "remove what was sent", _DISCARD, staging)
    except DeviceError:
        return  # the next deploy does it


def _prune(device: Device, layout: Layout, now: Survey, keep: int) -> tuple[str, ...]:
    current = now.current
    assert current is not None
    try:
        return prune(device, layout, now, current=current, keep=max(1, keep))
    except DeviceError as error:
        outcome = f"{current} serves; only old releases are left over, and the next deploy removes them."
        raise with_outcome(error, outcome) from error

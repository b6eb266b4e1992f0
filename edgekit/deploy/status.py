"""What is deployed on a device, and whether it is as it was deployed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.deploy.layout import DEFAULT_ROOT, Layout, from_home, run_script
from edgekit.deploy.releases import Release, survey

if TYPE_CHECKING:
    from edgekit.devices.device import Device

_MODELS = r"""
cd "$1" 2>/dev/null || exit 0
for folder in */releases; do
  [ ! -d "$folder" ] || echo "${folder%/*}"
done
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Status:
    """One model on one device."""

    device: str
    model: str
    directory: str
    current: str | None  # None: nothing serves
    previous: str | None  # where `rollback` would go
    releases: tuple[Release, ...]  # oldest first; `altered` lists files that are not as deployed
    lock_owner: str | None  # who deploys right now
    disk_free_kib: int | None

    @property
    def is_intact(self) -> bool:
        """Whether the serving release has every file as deployed."""
        return any(release.id == self.current and not release.altered for release in self.releases)


def status(device: Device, *, model: str | None = None, root: str = DEFAULT_ROOT) -> tuple[Status, ...]:
    """The state of one model, or of every model under `root`, with all digests checked on the device.

    Raises:
        DeviceError: the device cannot be reached or lacks a tool.
    """
    models = (model,) if model is not None else deployed_models(device, root=root)
    return tuple(_status(device, name, Layout.of(name, root)) for name in models)


def deployed_models(device: Device, *, root: str = DEFAULT_ROOT) -> tuple[str, ...]:
    """The models that have a folder under `root`, sorted.

    Raises:
        DeviceError: the device cannot be reached.
    """
    return tuple(run_script(device, f"list {root}", _MODELS, from_home(root)).split())


def _status(device: Device, model: str, layout: Layout) -> Status:
    found = survey(device, layout, with_digests=True)
    previous = found.before(found.current) if found.current is not None else None
    return Status(
        device=device.name,
        model=model,
        directory=layout.directory,
        current=found.current,
        previous=previous.id if previous is not None else None,
        releases=found.releases,
        lock_owner=found.lock_owner,
        disk_free_kib=found.free_kib,
    )

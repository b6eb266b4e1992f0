"""What goes to the device, getting it there, and proving that it arrived."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

from edgekit.deploy.errors import AlteredInTransitError
from edgekit.deploy.layout import run_script
from edgekit.deploy.releases import free_kib, parse_digests
from edgekit.devices.frames import load_golden, pack_frames
from edgekit.devices.runner import RUNNER_NAME
from edgekit.devices.workspace import library_name
from edgekit.errors import DeviceDiskFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from edgekit.artifacts import Bundle
    from edgekit.devices.device import Device

    Progress = Callable[[str, float | None], None]

GOLDEN_INPUTS, GOLDEN_OUTPUTS = "golden-inputs.bin", "golden-outputs.bin"
_HOST_ONLY = ("model.tflite", "golden.npz", "report.json")  # EdgeKit reads none of these on a device
_EXECUTABLE = 0o755
_SPARE_KIB = 1024  # beside the files: folders, the record, the golden check's own needs

# Staging folders and other leftovers belong to deploys that are dead: the lock is ours.
_PREPARE = r"""
cd "$1" && rm -rf staging-* litter-* .current.* && mkdir "$2" && df -Pk .
"""
_DIGESTS = 'cd "$1" && shift && sha256sum -- "$@"'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Payload:
    """The files of a release, by their name there."""

    files: Mapping[str, Path]  # on this machine
    digests: Mapping[str, str]  # SHA-256
    library: str

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(path.stat().st_size for path in self.files.values())


def make_payload(bundle: Bundle, workspace: Path) -> Payload:
    """The bundle's files that a device needs, and its golden vectors as raw frames, made in `workspace`.

    Raises:
        BundleUnreadableError: the golden vectors cannot be read, or there is no library.
    """
    library = library_name(bundle)
    names = [name for name in bundle.manifest["files"] if name not in _HOST_ONLY or name == library]
    files = {name: bundle.path / name for name in names}
    files["manifest.json"] = bundle.path / "manifest.json"
    golden = load_golden(bundle.path, bundle.manifest)
    for name, tensors in ((GOLDEN_INPUTS, golden.inputs), (GOLDEN_OUTPUTS, golden.outputs)):
        if tensors is not None:
            files[name] = workspace / name
            files[name].write_bytes(pack_frames(tensors))
    # What was read as a bundle a moment ago is what must arrive.
    listed = {name: entry["sha256"] for name, entry in bundle.manifest["files"].items()}
    digests = {name: listed.get(name) or _digest(path) for name, path in files.items()}
    return Payload(files=files, digests=digests, library=library)


def prepare(device: Device, directory: str, staging: str, payload: Payload) -> None:
    """Clean what dead deploys left, and make an empty staging folder on a disk with room enough.

    Raises:
        DeviceDiskFullError: the files would not fit.
        DeviceError: the folder cannot be made, or the device cannot be reached.
    """
    name = staging.rpartition("/")[2]
    available = free_kib(run_script(device, f"prepare {directory}", _PREPARE, directory, name))
    needed = payload.size_bytes // 1024 + _SPARE_KIB
    if available is not None and available < needed:
        raise DeviceDiskFullError(
            f"The disk of {device.name} is too full for this release.",
            why=f"It needs {needed} KiB and {available} KiB are free.",
            fix="Free some space there; `--keep 1` keeps fewer old releases.",
        )


def upload(device: Device, staging: str, payload: Payload, progress: Progress) -> None:
    """Send every file.

    Raises:
        DeviceDiskFullError, DeviceRefusedError, ConnectionLostError: a file could not be sent.
    """
    sent, total = 0, max(1, payload.size_bytes)
    for name, path in payload.files.items():
        progress("uploading", sent / total)
        device.put(path, f"{staging}/{name}", mode=_EXECUTABLE if name == RUNNER_NAME else 0o644)
        sent += path.stat().st_size


def verify_digests(device: Device, staging: str, payload: Payload) -> None:
    """Let the device hash what it has.

    Raises:
        AlteredInTransitError: a file there is not what was sent.
        RemoteToolMissingError: the device has no sha256sum.
    """
    names = sorted(payload.files)
    found = parse_digests(run_script(device, "check digests", _DIGESTS, staging, *names))
    altered = [name for name in names if found.get(name) != payload.digests[name]]
    if altered:
        raise AlteredInTransitError(
            f"{device.name} did not receive what was sent.",
            why=f"The SHA-256 digest is wrong there for {', '.join(altered)}.",
            fix="Deploy again; if it happens again, check the device's memory card and its power supply.",
        )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

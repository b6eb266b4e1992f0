"""A folder on a device for the time of one job, and the model that a job works with."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.artifacts import Engine
from edgekit.devices.runner import RUNNER_NAME
from edgekit.errors import BundleUnreadableError, DeviceError, DeviceRefusedError
from edgekit.target import TargetKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from edgekit.artifacts import Bundle
    from edgekit.devices.device import Device

IMAGE_NAME = "image.elf"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Installed:
    """A model on a device: a folder with the runner and the library, and one for a job's files."""

    directory: str
    library: str  # its file name in `directory`
    scratch: str

    def scratch_file(self, name: str) -> str:
        """A path in the scratch folder."""
        return f"{self.scratch}/{name}"


@contextlib.contextmanager
def workspace(device: Device) -> Iterator[str]:
    """A new folder on the device, removed with all that is in it when the block ends.

    Raises:
        DeviceRefusedError: the device makes no temporary folder.
        DeviceError: the device cannot be reached.
    """
    made = device.run("mktemp", "-d")
    if made.exit_code != 0:
        raise DeviceRefusedError(
            f"{device.name} makes no temporary folder.",
            why=made.stderr.decode(errors="replace").strip() or f"mktemp ended with {made.exit_code}.",
            fix="See that its disk is not full and that its user may write to /tmp.",
        )
    directory = made.stdout.decode().strip()
    try:
        yield directory
    finally:
        # When the connection broke, what broke it is the news; the folder is in /tmp.
        with contextlib.suppress(DeviceError):
            device.run("rm", "-rf", "--", directory)


@contextlib.contextmanager
def installed(device: Device, bundle: Bundle, release: str | None = None) -> Iterator[Installed]:
    """Have a bundle's model on the device: the one in the folder `release` there, or a copy for the job.

    Raises:
        BundleUnreadableError: the bundle has no library.
        DeviceError: the device cannot be reached, or has no room.
    """
    library = library_name(bundle)
    with workspace(device) as scratch:
        if release is None:
            for name in needed_files(bundle):
                mode = 0o755 if name in (RUNNER_NAME, library) else 0o644
                device.put(bundle.path / name, f"{scratch}/{name}", mode=mode)
        yield Installed(directory=release or scratch, library=library, scratch=scratch)


def needed_files(bundle: Bundle) -> tuple[str, ...]:
    """What the model needs to run. LiteRT's runner reads the tolerance of its answers in the manifest."""
    if is_firmware(bundle.manifest):
        return ()  # it is in the device's image
    files = (RUNNER_NAME, library_name(bundle))
    return (*files, "manifest.json") if is_litert(bundle.manifest) else files


def is_litert(manifest: Mapping[str, Any]) -> bool:
    """Whether a bundle's engine is LiteRT, and not EdgeKit's own."""
    return bool(manifest["engine"] == Engine.LITERT)


def is_firmware(manifest: Mapping[str, Any]) -> bool:
    """Whether a bundle is C sources for a microcontroller's firmware, and no library."""
    return bool(manifest["target"]["kind"] == TargetKind.MICROCONTROLLER)


def library_name(bundle: Bundle) -> str:
    """What a bundle's runner loads: the model library, or the .tflite file where the engine is LiteRT.

    On a microcontroller it is the image, which loads nothing.

    Raises:
        BundleUnreadableError: it has none.
    """
    if is_firmware(bundle.manifest):
        return IMAGE_NAME
    ending = ".tflite" if is_litert(bundle.manifest) else ".so"
    for name in bundle.manifest["files"]:
        if name.endswith(ending):
            return str(name)
    raise BundleUnreadableError(
        f"The bundle {bundle.path} has no model library.",
        why=f"Its manifest lists no {ending} file.",
        fix="Build it again with `edgekit build`.",
    )


def put_bytes(device: Device, content: bytes, remote: str) -> None:
    """Write a file on the device.

    Raises:
        DeviceError: as `Device.put`.
    """
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        local = Path(folder) / "content"
        local.write_bytes(content)
        device.put(local, remote)


def get_bytes(device: Device, remote: str) -> bytes:
    """Read a file on the device.

    Raises:
        DeviceError: as `Device.get`.
    """
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        local = Path(folder) / "content"
        device.get(remote, local)
        return local.read_bytes()

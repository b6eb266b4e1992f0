"""Where things lie on the device, and running our small shell scripts there."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from edgekit.errors import DeviceDiskFullError, DeviceRefusedError, RemoteToolMissingError

if TYPE_CHECKING:
    from edgekit.devices.device import Device

DEFAULT_ROOT = ".local/share/edgekit"  # from the user's home
RECORD_NAME = "deployment.json"
NO_SPACE = "No space left"  # what every tool says on a full disk
_NOT_FOUND = 127


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """The paths of one model on a device."""

    directory: str  # "<root>/<model>"

    @classmethod
    def of(cls, model: str, root: str = DEFAULT_ROOT) -> Layout:
        """The layout of a model; what a folder's name cannot hold becomes an underscore."""
        name = re.sub(r"[^A-Za-z0-9._+-]", "_", model)
        if not name or name.startswith("."):
            name = f"_{name}"
        return cls(directory=f"{from_home(root)}/{name}")

    @property
    def current(self) -> str:
        """The folder of the release that serves, whichever it is."""
        return f"{self.directory}/current"

    def release(self, release_id: str) -> str:
        """The folder of a complete release."""
        return f"{self.directory}/releases/{release_id}"

    def staging(self, release_id: str) -> str:
        """The folder of a release on its way."""
        return f"{self.directory}/staging-{release_id}"


def from_home(root: str) -> str:
    """A folder on the device as programs there take it: they start in the home directory."""
    return root.removeprefix("~/").rstrip("/") or ("/" if root.startswith("/") else ".")


def run_script(device: Device, doing: str, script: str, *arguments: str) -> str:
    """Run a POSIX shell script on the device and return what it prints. `doing` completes "cannot …".

    Raises:
        RemoteToolMissingError: a program that the script calls is missing.
        DeviceDiskFullError: there is no room.
        DeviceRefusedError: the script failed for another reason.
        DeviceError: the device cannot be reached.
    """
    done = device.run("sh", "-c", script, "sh", *arguments)
    if done.exit_code == 0:
        return done.stdout.decode(errors="replace")
    words = done.stderr.decode(errors="replace").strip() or f"Exit code {done.exit_code}, without a word."
    what = f"{device.name} cannot {doing}."
    if done.exit_code == _NOT_FOUND:
        raise RemoteToolMissingError(
            what, why=words, fix="EdgeKit needs a POSIX shell and coreutils (or busybox) on the device."
        )
    if NO_SPACE in words or "quota exceeded" in words:
        raise DeviceDiskFullError(what, why=words, fix="Free some space there, then run the command again.")
    raise DeviceRefusedError(what, why=words, fix="Check the folder on the device and its permissions.")

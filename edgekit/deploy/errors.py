"""What can go wrong while deploying, beside what `edgekit.errors` says of every device and bundle."""

from __future__ import annotations

from edgekit.errors import DeviceError, EdgeKitError, ExitCode


class DeployLockedError(DeviceError):
    """Someone else deploys the same model to the same device right now."""


class AlteredInTransitError(DeviceError):
    """A file on the device is not the one that was sent."""


class RolledBackError(EdgeKitError):
    """The new release failed after the switch; the one before serves again."""

    exit_code = ExitCode.ROLLED_BACK


class NoReleaseError(DeviceError):
    """The device has no release to show, or none to go back to."""


class FailedReleaseError(DeviceError):
    """The release to go back to has failed before."""


class NoFittingBuildError(EdgeKitError):
    """None of the builds is for a device like this one."""

    exit_code = ExitCode.DEVICE


class UnclearBuildError(EdgeKitError):
    """Several builds could be meant."""


class UnclearModelError(EdgeKitError):
    """Several models are deployed, and none is named."""


def with_outcome(error: EdgeKitError, outcome: str) -> EdgeKitError:
    """The same failure, its reason followed by a sentence on what serves on the device now."""
    return type(error)(error.what, why=f"{error.why} {outcome}", fix=error.fix)

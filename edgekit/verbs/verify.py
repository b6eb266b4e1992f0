"""Prove a build bit-exact on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.deploy import DEFAULT_ROOT
from edgekit.devices.choice import DeviceChoice
from edgekit.evaluate import Verification, verify_bundle
from edgekit.verbs.selection import selected, serving_release
from edgekit.verbs.threads import check_threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Progress = Callable[[str, float | None], None]

_HERE = DeviceChoice()


def verify(
    bundle: Path | str | None = None,
    *,
    device: DeviceChoice = _HERE,
    builds: Path | str = "build",
    target: str | None = None,
    deployed: bool = False,
    threads: int = 1,
    outputs_only: bool = False,
    root: str = DEFAULT_ROOT,
    progress: Progress = lambda _stage, _share: None,
) -> Verification:
    """Compare every output byte of a build on a device with the oracle's golden vectors.

    With the oracle on this machine, every operator's output is compared too, in one frame: the first
    that differs, or the last if all outputs are equal. So the first operator and element that go
    wrong are named. That something differs is an answer and no exception: see `Verification.equal`.

    Args:
        bundle: a bundle's folder, or one with several; by default all in `builds`. Of several, the
            newest that fits the device is taken.
        device: a host, the emulated board, or by default this machine if it can run the build, else
            the emulated board.
        builds: root of the build folders.
        target: only builds for this target. One for a microcontroller runs on an emulated one, or on its
            board if `device` is a debug probe.
        deployed: verify the release that serves on the device, not a temporary copy of the build.
        outputs_only: leave the operators out as long as all outputs are equal.
        threads: that share the work of each run; the answers are the same for any number.
        root: folder for all releases on the device.
        progress: called with each stage and the share done (0 to 1, or None).

    Returns:
        Frames compared, whether all bytes are equal, and what differs first if they are not.

    Raises:
        WrongValueError: `threads` is below 1 (exit code 2).
        BundleUnreadableError, BundleVersionError, BundleAlteredError: the bundle cannot be used.
        NotEmulatedError: the build is for a microcontroller that QEMU has no machine for (2).
        NotProbedError: no debug probe is known for its target (2).
        ImageTooLargeError: its board has less memory than the model and what runs it (4).
        NoFittingBuildError, BundleWrongDeviceError: no build is for this device (exit code 5).
        UnclearBuildError: builds of several models fit (2).
        NoReleaseError: with `deployed`: this build does not serve there (5).
        OracleMissingError: the bundle has no answers to compare with, and there is no oracle here (8).
        LibraryRefusedError, RunnerFailedError: the model does not run on the device (5).
        DeviceError: the device cannot be reached, or has no room (5).
    """
    check_threads(threads)
    with selected(bundle, device, builds, progress, target=target) as (chosen, machine):
        release = serving_release(chosen, machine, root) if deployed else None
        return verify_bundle(
            chosen,
            machine,
            release=release,
            outputs_only=outputs_only,
            threads=threads,
            progress=progress,
        )

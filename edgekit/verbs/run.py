"""Feed inputs to a build on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekit.deploy import DEFAULT_ROOT
from edgekit.devices.choice import DeviceChoice
from edgekit.evaluate import run_bundle
from edgekit.verbs.selection import selected, serving_release
from edgekit.verbs.threads import check_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Progress = Callable[[str, float | None], None]

_HERE = DeviceChoice()


def run(
    inputs: Mapping[str, NDArray[Any]],
    bundle: Path | str | None = None,
    *,
    device: DeviceChoice = _HERE,
    builds: Path | str = "build",
    target: str | None = None,
    deployed: bool = False,
    threads: int = 1,
    root: str = DEFAULT_ROOT,
    progress: Progress = lambda _stage, _share: None,
) -> dict[str, NDArray[Any]]:
    """Run a build on inputs of yours.

    Args:
        inputs: arrays by tensor name, or by position: "0", "1", … Each has its tensor's shape and
            type exactly; nothing is scaled or converted. One more leading axis gives several
            frames, which run in sequence, so that a streaming model carries its state.
        bundle: a bundle's folder, or one with several; by default all in `builds`. Of several, the
            newest that fits the device is taken.
        device: a host, the emulated board, or by default this machine if it can run the build, else
            the emulated board.
        builds: root of the build folders.
        target: only builds for this target. One for a microcontroller runs on an emulated one, or on its
            board if `device` is a debug probe.
        deployed: run the release that serves on the device, not a temporary copy of the build.
        threads: that share the work of each run; the answers are the same for any number.
        root: folder for all releases on the device.
        progress: called with each stage and the share done (0 to 1, or None).

    Returns:
        The outputs by tensor name, with the frames' leading axis if the inputs had one.

    Raises:
        WrongValueError: `threads` is below 1 (exit code 2).
        InputsDoNotFitError: an input is missing, unknown, or of another shape or type (exit code 2).
        BundleUnreadableError, BundleVersionError, BundleAlteredError: the bundle cannot be used.
        NotEmulatedError: the build is for a microcontroller that QEMU has no machine for (2).
        NotProbedError: no debug probe is known for its target (2).
        ImageTooLargeError: its board has less memory than the model and what runs it (4).
        NoFittingBuildError, BundleWrongDeviceError: no build is for this device (5).
        UnclearBuildError: builds of several models fit (2).
        NoReleaseError: with `deployed`: this build does not serve there (5).
        LibraryRefusedError, RunnerFailedError: the model does not run on the device (5).
        DeviceError: the device cannot be reached, or has no room (5).
    """
    check_threads(threads)
    with selected(bundle, device, builds, progress, target=target) as (chosen, machine):
        release = serving_release(chosen, machine, root) if deployed else None
        return run_bundle(chosen, machine, inputs, release=release, threads=threads, progress=progress)

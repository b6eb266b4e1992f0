"""One build and one open device, for verbs that work with what is built already."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.deploy import DEFAULT_ROOT, Layout, choose_bundle, status
from edgekit.deploy.errors import NoReleaseError, UnclearBuildError
from edgekit.deploy.fit import check_fit
from edgekit.devices.debug_probe.board import probed_board
from edgekit.devices.emulated.identity import ARCHITECTURES
from edgekit.devices.emulated.microcontroller.device import microcontroller
from edgekit.devices.probe import probe
from edgekit.devices.workspace import is_firmware
from edgekit.errors import WrongValueError
from edgekit.package.manifest import MANIFEST_NAME
from edgekit.verbs.builds import find_bundles
from edgekit.verbs.connect import connected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from edgekit.artifacts import Bundle
    from edgekit.devices.choice import DeviceChoice
    from edgekit.devices.device import Device
    from edgekit.devices.emulated.microcontroller.device import Microcontroller

    Progress = Callable[[str, float | None], None]


@contextmanager
def selected(
    bundle: Path | str | None,
    device: DeviceChoice,
    builds: Path | str,
    progress: Progress,
    *,
    target: str | None = None,
) -> Iterator[tuple[Bundle, Device]]:
    """The build that is meant and the device to run it on, which it fits.

    A build for a microcontroller is meant where there is no other, or where it is named; it runs on an
    emulated one, or on its board if a debug probe is chosen.

    Raises:
        NotEmulatedError: it is for a microcontroller that QEMU has no machine for.
        NotProbedError, ImageTooLargeError: it cannot run on its board by a debug probe.
        WrongValueError: it is for a microcontroller, and a host is given.
        BundleUnreadableError, BundleVersionError, BundleAlteredError: the bundle cannot be used.
        NoFittingBuildError, BundleWrongDeviceError: no build is for this device.
        UnclearBuildError: builds of several models fit.
        DeviceError: the device cannot be reached.
    """
    found = find_bundles(Path(bundle) if bundle is not None else None, Path(builds), target)
    firmware = firmware_bundle(found, device)
    if firmware is not None:
        with _microcontroller(firmware, device, progress) as board:
            yield firmware, board
        return
    bundles = [each for each in found if not is_firmware(each.manifest)]
    with connected(device, bundles, progress=progress) as machine:
        facts = probe(machine)
        chosen = bundles[0] if len(bundles) == 1 else choose_bundle(bundles, facts, machine.name)
        check_fit(chosen.manifest, facts, machine.name)
        yield chosen, machine


def _microcontroller(
    bundle: Bundle, device: DeviceChoice, progress: Progress
) -> AbstractContextManager[Microcontroller]:
    if device.probe:
        return probed_board(bundle, device.probe_serial, progress)
    return microcontroller(bundle, progress)


def firmware_bundle(bundles: Sequence[Bundle], device: DeviceChoice) -> Bundle | None:
    """The newest build, if all of them are for microcontrollers.

    Raises:
        UnclearBuildError: they are of several models.
        WrongValueError: a host is given, and none of them can run there.
    """
    if not all(is_firmware(bundle.manifest) for bundle in bundles):
        return None
    chosen = _newest(bundles)
    if device.host is not None:
        raise WrongValueError(
            f"A build for {chosen.manifest['target']['name']} cannot run on {device.host}.",
            why="It is C for the firmware of a microcontroller, which no SSH connection reaches.",
            fix="--emulated runs it here, on an emulated one.",
        )
    return chosen


def bundle_to_emulate(bundles: Sequence[Bundle]) -> Bundle:
    """The newest build for an ARM board; the newest of all where none is.

    Raises:
        UnclearBuildError: there are ARM builds of several models.
    """
    emulated = [b for b in bundles if b.manifest["target"]["architecture"] in ARCHITECTURES] or list(bundles)
    return _newest(emulated)


def _newest(bundles: Sequence[Bundle]) -> Bundle:
    if len({bundle.manifest["model"]["name"] for bundle in bundles}) > 1:
        raise UnclearBuildError(
            "Several builds could be meant.",
            why=f"They are {', '.join(str(bundle.path) for bundle in bundles)}.",
            fix="Name the one you mean by its folder.",
        )
    return max(bundles, key=lambda bundle: (bundle.path / MANIFEST_NAME).stat().st_mtime_ns)


def serving_release(bundle: Bundle, device: Device, root: str = DEFAULT_ROOT) -> str:
    """The folder on the device that serves a bundle's model, if it is this very build, unaltered.

    Raises:
        NoReleaseError: nothing serves there, or another build, or its files are not as deployed.
        DeviceError: the device cannot be reached.
    """
    if is_firmware(bundle.manifest):
        raise NoReleaseError(
            f"Nothing is deployed on {device.name}.",
            why="On a microcontroller a model is part of the firmware, and no release of its own.",
            fix="Leave --deployed out: the build itself is used.",
        )
    model = bundle.manifest["model"]["name"]
    (found,) = status(device, model=model, root=root)
    serving = next((release for release in found.releases if release.id == found.current), None)
    digest = hashlib.sha256((bundle.path / MANIFEST_NAME).read_bytes()).hexdigest()
    if serving is None:
        problem = "No release of it serves there."
    elif serving.digest != digest:
        problem = f"Release {serving.id} serves there, which is another build than {bundle.path}."
    elif serving.altered:
        problem = f"Files of release {serving.id} are not as deployed: {', '.join(serving.altered)}."
    else:
        # Not by way of `current`: another deploy may switch it while this one is worked with.
        return Layout.of(model, root).release(serving.id)
    raise NoReleaseError(
        f"This build of {model} is not deployed on {device.name}.",
        why=problem,
        fix=f"edgekit deploy {bundle.path}, or leave --deployed out to work with a copy of the build.",
    )

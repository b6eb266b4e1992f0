"""The bundles that a verb may mean: the one it is given, or those in the build folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.deploy.errors import NoFittingBuildError
from edgekit.devices.workspace import is_firmware
from edgekit.errors import BundleUnreadableError, EdgeKitError, nearest
from edgekit.package import read_bundle
from edgekit.project import find_project

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.artifacts import Bundle

_MANIFEST = "manifest.json"


def build_root(directory: Path) -> Path:
    """The build folder of the project in `directory`; "build" where there is no project."""
    project = find_project(directory)
    return project.output if project is not None else directory / "build"


def find_bundles(bundle: Path | None, builds: Path, target: str | None = None) -> tuple[Bundle, ...]:
    """The bundle at `bundle`, or all below it, or (None) all in the build folder `builds`.

    With `target`, only those that were built for it. A damaged one among several is passed over; damaged
    ones alone are an error.

    Raises:
        NoFittingBuildError: none is for `target`.
        BundleUnreadableError: there is none.
        BundleUnreadableError, BundleVersionError, BundleAlteredError: it cannot be used.
    """
    found = _find_all(bundle, builds)
    if target is None:
        return found
    fitting = tuple(each for each in found if each.manifest["target"]["name"] == target)
    if not fitting:
        known = sorted({str(each.manifest["target"]["name"]) for each in found})
        raise NoFittingBuildError(
            f"There is no build for {target} in {bundle or builds}.",
            why=f"The builds there are for: {', '.join(known)}.",
            fix=nearest(target, known, f"edgekit build --target {target}"),
        )
    return fitting


def _find_all(bundle: Path | None, builds: Path) -> tuple[Bundle, ...]:
    if bundle is not None and (bundle / _MANIFEST).exists():
        return (read_bundle(bundle),)
    folder = bundle if bundle is not None else builds
    found, failure = _read_all(folder)
    if found:
        return found
    if failure is not None:
        raise failure
    raise BundleUnreadableError(
        f"There is no bundle in {folder}.",
        why=f"No folder there holds a {_MANIFEST}.",
        fix="Build one with `edgekit build`, or name its folder: build/<model>/<target>.",
    )


def deployable_bundles(builds: Path) -> tuple[Bundle, ...]:
    """All bundles in the build folder that can be deployed; there may be none."""
    return tuple(each for each in _read_all(builds)[0] if not is_firmware(each.manifest))


def _read_all(folder: Path) -> tuple[tuple[Bundle, ...], EdgeKitError | None]:
    found, failure = [], None
    # build/<model>/<target>, or one of these two folders. A name with a dot is a build under way.
    for manifest in sorted([*folder.glob(f"[!.]*/{_MANIFEST}"), *folder.glob(f"[!.]*/[!.]*/{_MANIFEST}")]):
        try:
            found.append(read_bundle(manifest.parent))
        except EdgeKitError as error:
            failure = failure or error
    return tuple(found), failure

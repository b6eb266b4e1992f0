"""The right one of several builds for the device that was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.deploy.errors import NoFittingBuildError, UnclearBuildError
from edgekit.deploy.fit import misfit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.artifacts import Bundle
    from edgekit.devices.probe import MachineFacts


def choose_bundle(bundles: Sequence[Bundle], facts: MachineFacts, device_name: str) -> Bundle:
    """The newest bundle whose target fits the machine.

    A bundle for this very CPU and a generic one may both fit: the newest is taken, as it is what the
    user made last. Builds of two models are never a matter of age.

    Raises:
        NoFittingBuildError: none fits; the message says why for each.
        UnclearBuildError: builds of several models fit, or two were made at the same moment.
    """
    fitting = [bundle for bundle in bundles if misfit(bundle.manifest, facts) is None]
    if not fitting:
        raise NoFittingBuildError(
            f"No build fits {device_name}.",
            why=" ".join(f"{bundle.path}: {misfit(bundle.manifest, facts)}" for bundle in bundles)
            or "There is no build at all.",
            fix=f"edgekit build --target NAME, with a target whose architecture is {facts.architecture}.",
        )
    newest = max(fitting, key=_made_at)
    models = {bundle.manifest["model"]["name"] for bundle in fitting}
    if len(models) > 1 or [_made_at(bundle) for bundle in fitting].count(_made_at(newest)) > 1:
        raise UnclearBuildError(
            f"Several builds fit {device_name}.",
            why=f"They are {', '.join(str(bundle.path) for bundle in fitting)}.",
            fix=f"Name the one you mean: edgekit deploy {newest.path}",
        )
    return newest


def _made_at(bundle: Bundle) -> int:
    return (bundle.path / "manifest.json").stat().st_mtime_ns

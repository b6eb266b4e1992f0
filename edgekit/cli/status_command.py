"""edgekit status: show what is deployed on a device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.options import device_options, json_option
from edgekit.cli.output import emit_json, note, progress, table

if TYPE_CHECKING:
    from edgekit.deploy import Release, Status
    from edgekit.devices.choice import DeviceChoice


@click.command(
    "status",
    epilog="\b\nExamples:\n  edgekit status --host pi.local\n  edgekit status kws --host pi.local --json",
)
@click.argument("model", required=False)
@device_options
@click.option("--root", metavar="DIR", help="Folder on the device; .local/share/edgekit by default.")
@json_option
def command(model: str | None, device: DeviceChoice, root: str | None, as_json: bool) -> None:
    """Show the releases on a device, which one serves, and whether its files are as deployed."""
    from edgekit.deploy import DEFAULT_ROOT
    from edgekit.verbs.builds import build_root
    from edgekit.verbs.status import status

    with progress(quiet=as_json) as show:
        found = status(
            model,
            device=device,
            builds=build_root(Path.cwd()),
            root=root or DEFAULT_ROOT,
            progress=show,
        )
    if as_json:
        emit_json({"models": found})
    elif not found:
        note("Nothing is deployed there.")
    else:
        for one in found:
            _show(one)


def _show(status: Status) -> None:
    rows = [
        (
            release.id,
            _role(release, status),
            release.target,
            release.deployed_at,
            release.deployed_by,
            _files(release),
        )
        for release in reversed(status.releases)
    ]
    title = f"{status.model} on {status.device}, in {status.directory}"
    table(("release", "", "built for", "deployed", "by", "files"), rows, title=title)
    if status.current is None:
        note("No release serves.")
    if status.lock_owner is not None:
        note(f"A deploy is under way, started by {status.lock_owner}.")
    if status.disk_free_kib is not None:
        note(f"{status.disk_free_kib // 1024:,} MiB are free there.")


def _role(release: Release, status: Status) -> str:
    if release.id == status.current:
        return "serves"
    if release.failed is not None:
        return "failed"
    return "previous" if release.id == status.previous else ""


def _files(release: Release) -> str:
    return "altered: " + ", ".join(release.altered) if release.altered else "as deployed"

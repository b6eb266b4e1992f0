"""edgekit rollback: let an earlier release serve again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.options import device_options, json_option
from edgekit.cli.output import emit_json, progress, table

if TYPE_CHECKING:
    from edgekit.devices.choice import DeviceChoice


@click.command(
    "rollback",
    epilog="\b\nExamples:\n  edgekit rollback --host pi.local\n"
    "  edgekit rollback kws --host pi.local --to 20261122T040721.875Z-db0f566a",
)
@click.argument("model", required=False)
@device_options
@click.option("--to", metavar="ID", help="A release that 'edgekit status' lists; the previous by default.")
@click.option("--root", metavar="DIR", help="Folder on the device; .local/share/edgekit by default.")
@json_option
def command(model: str | None, device: DeviceChoice, to: str | None, root: str | None, as_json: bool) -> None:
    """Let an earlier release of MODEL serve again, after a golden check on the device.

    MODEL is needed only where several are deployed.
    """
    from edgekit.deploy import DEFAULT_ROOT
    from edgekit.verbs.builds import build_root
    from edgekit.verbs.rollback import rollback

    with progress(quiet=as_json) as show:
        done = rollback(
            model,
            device=device,
            to=to,
            builds=build_root(Path.cwd()),
            root=root or DEFAULT_ROOT,
            progress=show,
        )
    if as_json:
        emit_json({"rollback": done})
        return
    rows = [
        ("device", done.device),
        ("left", done.left or "nothing"),
        ("now serves", done.release.id),
        ("deployed", f"{done.release.deployed_at} by {done.release.deployed_by}"),
    ]
    table(("rolled back", ""), rows)

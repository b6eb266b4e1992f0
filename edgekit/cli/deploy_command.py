"""edgekit deploy: push a build to a device and switch to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.options import PATH, device_options, json_option
from edgekit.cli.output import emit_json, progress, table

if TYPE_CHECKING:
    from edgekit.deploy import Deployment
    from edgekit.devices.choice import DeviceChoice


@click.command(
    "deploy",
    epilog="\b\nExamples:\n  edgekit deploy --host pi.local\n"
    "  edgekit deploy build/kws/rpi4 --host pi@10.0.0.7\n  edgekit deploy --emulated --keep 5 --json",
)
@click.argument("bundle", required=False, type=PATH)
@device_options
@click.option("--keep", type=click.IntRange(1), default=3, show_default=True, help="Releases to keep there.")
@click.option("--root", metavar="DIR", help="Folder on the device; .local/share/edgekit by default.")
@json_option
def command(bundle: Path | None, device: DeviceChoice, keep: int, root: str | None, as_json: bool) -> None:
    """Push BUNDLE to a device, prove it there, and switch to it.

    BUNDLE is a folder that 'edgekit build' made, or one with several; by default all builds of this
    project. Of several, the newest that fits the device is taken. Whatever goes wrong, the release
    that served before keeps serving: exit code 6 says that it was brought back.
    """
    from edgekit.deploy import DEFAULT_ROOT
    from edgekit.verbs.builds import build_root
    from edgekit.verbs.deploy import deploy

    with progress(quiet=as_json) as show:
        deployment = deploy(
            bundle,
            device=device,
            builds=build_root(Path.cwd()),
            root=root or DEFAULT_ROOT,
            keep=keep,
            progress=show,
        )
    if as_json:
        emit_json({"deployment": deployment, "current": deployment.current})
    else:
        _show(deployment)


def _show(deployment: Deployment) -> None:
    release = deployment.release
    frames = release.golden_frames
    right = "within LiteRT's tolerance" if release.library.endswith(".tflite") else "equal"
    equal = f"{frames} frames {right}, before the switch and after it"
    rows = [
        ("device", f"{deployment.device} ({deployment.machine.model or deployment.machine.architecture})"),
        ("release", release.id),
        ("built for", release.target),
        ("golden check", equal if frames is not None else "not checked: no oracle"),
        ("took over from", release.previous or "nothing"),
        ("removed", ", ".join(deployment.removed) or "nothing"),
        ("path", deployment.current),
    ]
    table(("deployed", ""), rows)

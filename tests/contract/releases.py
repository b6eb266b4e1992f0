"""What a board looks like after a deploy: the questions that every deploy test asks."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.artifacts import Bundle
from edgekit.deploy import Layout, deploy, status
from edgekit.devices import runner
from edgekit.devices.local import LocalDevice

if TYPE_CHECKING:
    from edgekit.deploy import Deployment
    from edgekit.devices.device import Device

MODEL = "tiny"
FOLDER = Layout.of(MODEL).directory


def deploy_quietly(bundle: Bundle, device: Device, *, keep: int = 3) -> Deployment:
    """Deploy without showing progress."""
    return deploy(bundle, device, keep=keep, progress=lambda _stage, _share: None)


def serving(home: Path) -> str | None:
    """The release that the board at `home` serves; it is asked for its answers there."""
    link = home / FOLDER / "current"
    if not link.is_symlink():
        return None
    release = link.resolve(strict=True)
    result = runner.check(
        LocalDevice(home), str(link), "libtiny.so", "golden-inputs.bin", "golden-outputs.bin"
    )
    assert result.equal
    assert result.frames == 100
    return release.name


def assert_tidy(home: Path) -> None:
    """Nothing but whole, unaltered releases and the link to one of them."""
    assert sorted(path.name for path in (home / FOLDER).iterdir()) == ["current", "releases"]
    (state,) = status(LocalDevice(home))
    assert state.is_intact
    assert state.lock_owner is None
    assert [release.id for release in state.releases] == sorted(
        path.name for path in (home / FOLDER / "releases").iterdir()
    )
    assert all(release.altered == () for release in state.releases)


def with_runner(bundle: Bundle, directory: Path, script: str) -> Bundle:
    """A copy of a bundle whose runner is a shell script; in it, `real "$@"` becomes the real runner."""
    copy = directory / "bundle"
    shutil.copytree(bundle.path, copy)
    program = copy / "edgekit-runner"
    program.rename(copy / "real-runner")
    real = 'real() { chmod +x "${0%/*}/real-runner"; exec "${0%/*}/real-runner" "$@"; }'
    program.write_text(f"#!/bin/sh\n{real}\n{script}\n")
    manifest = json.loads((copy / "manifest.json").read_text())
    for name in ("edgekit-runner", "real-runner"):
        content = (copy / name).read_bytes()
        manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return Bundle(path=copy, manifest=manifest)

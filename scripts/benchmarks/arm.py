"""The ARM suite: executed instructions of one inference on emulated CPUs, beside LiteRT's aarch64 wheel.

Instructions are not time; they repeat exactly, on any machine.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import edgekit
from benchmarks.result import Bar, Row
from edgekit.devices.emulated.litert import METHOD, LiteRtCount, count_litert
from edgekit.devices.emulated.programs import qemu_name
from edgekit.devices.emulated.rootfs import LITERT_WHEELS
from edgekit.devices.emulated.tools import run_tool
from edgekit.devices.frames import load_golden, pack_frames
from edgekit.measurement import Ratio
from edgekit.paths import cache_directory
from edgekit.profile import check_emulated, count_bundle
from edgekit.target import load_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.contenders import Contender
    from edgekit.artifacts import Golden
    from edgekit.target import Target

    Progress = Callable[[str, float | None], None]

# A board for each kind of core: without the dot product instructions, and with them.
TARGETS = ("rpi4", "rpi5")
BARS = {"rpi4": Bar(geomean=1.6, worst=1.1), "rpi5": Bar(geomean=1.4, worst=1.1)}


def measure(contender: Contender, target_name: str, work: Path, *, afresh: bool, progress: Progress) -> Row:
    """Build a model for a target; check its answers and count both engines under the same emulated CPU.

    Args:
        contender: the model.
        target_name: one of `TARGETS`, or another aarch64 target.
        work: a folder for builds.
        afresh: count LiteRT even if its count is in the cache.
        progress: told what is being done.
    """
    target = load_target(target_name)
    bundle = edgekit.build(contender.path, target=target, output=work)
    golden = load_golden(bundle.path, bundle.manifest)
    ours = count_bundle(bundle, target, progress=progress)
    theirs = _litert(contender.path, golden, target, afresh=afresh, progress=progress)
    instructions = ours.total_instructions
    ratio = Ratio(*(count / instructions for count in (theirs.instructions, theirs.lowest, theirs.highest)))
    return Row(
        name=contender.name,
        cpu=target.emulated_cpu,
        threads=1,
        trained=contender.trained,
        macs=bundle.manifest["macs"],
        unit="instructions",
        edgekit=instructions,
        litert=theirs.instructions,
        ratio=ratio,
        exact=check_emulated(bundle, target, progress=progress) is True,
        more={
            "target": target_name,
            "tuned_share": bundle.manifest["tuning"]["tuned_share"],
            "emulator": theirs.qemu,
            "litert": theirs.version,
        },
    )


def _litert(path: Path, golden: Golden, target: Target, *, afresh: bool, progress: Progress) -> LiteRtCount:
    """LiteRT's count, from the cache if the very same was counted before."""
    frame = pack_frames([tensor[:1] for tensor in golden.inputs])
    version = run_tool(qemu_name(target), "--version", purpose="Asking QEMU's version").splitlines()[0]
    circumstances = repr((LITERT_WHEELS, version, target.emulated_cpu, METHOD)).encode()
    parts = (path.read_bytes(), frame, circumstances)
    key = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:24]
    kept = cache_directory("litert-counts") / f"{path.stem}-{target.emulated_cpu}-{key}.json"
    if kept.exists() and not afresh:
        return LiteRtCount(**json.loads(kept.read_text()))
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as folder:
        inputs = Path(folder) / "inputs"
        inputs.write_bytes(frame)
        counted = count_litert(path, inputs, target, progress=progress)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(dataclasses.asdict(counted)))
    return counted

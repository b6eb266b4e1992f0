"""Race EdgeKit against LiteRT on one model and device."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.deploy.fit import check_fit
from edgekit.devices.choice import DeviceChoice
from edgekit.devices.probe import probe
from edgekit.devices.workspace import is_litert
from edgekit.errors import WrongValueError
from edgekit.package import read_bundle
from edgekit.profile import InstructionRace, Race, count_race, race_bundle
from edgekit.verbs.build import build
from edgekit.verbs.connect import can_run_here, connected, refuse_emulated_time, target_of
from edgekit.verbs.threads import refuse_to_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgekit.artifacts import Bundle
    from edgekit.target import Target

    Progress = Callable[[str, float | None], None]

_HERE = DeviceChoice()


def bench(
    model: Path | str,
    *,
    target: Target | str = "host",
    device: DeviceChoice = _HERE,
    threads: int = 1,
    rounds: int = 31,
    progress: Progress = lambda _stage, _share: None,
) -> Race | InstructionRace:
    """Measure EdgeKit beside LiteRT with XNNPACK, in turn, on the same device, model and input.

    An emulator's clock says nothing about a board, so on an emulated device the answer is an
    `InstructionRace`: what both execute for one invocation, and no time at all. No board needs to be up.

    Args:
        model: a .tflite file, which is built for `target` in a temporary folder; or a bundle's folder.
        target: a target, its name or the path of a target file; not used for a bundle.
        device: a host, emulation, or by default this machine if it can run the build, else emulation.
        threads: of both engines (one where instructions are counted).
        rounds: pairs of measurements (not used where instructions are counted, which repeat exactly).
        progress: called with each stage and the share done (0 to 1, or None).

    Returns:
        Times with their spread, the ratio LiteRT / EdgeKit with its 95 % interval, the winner if the
        interval leaves no doubt, and a verdict on the measurement; or instructions and their ratio.

    Raises:
        WrongValueError: `threads` or `rounds` is below 1, or the bundle's engine is LiteRT (exit code 2).
        UnreadableModelError, UnsupportedModelError: the model cannot be built (7).
        LiteRtMissingError: the device has no Python with LiteRT (8).
        BundleWrongDeviceError: the target is not for this device (5).
        EmulatedTimeError: `device` names an emulated board by its address (2).
        LibraryRefusedError: LiteRT cannot run the model there, or runs it without XNNPACK (5).
        DeviceError: the device cannot be reached, or has no room (5).
    """
    if threads < 1 or rounds < 1:
        raise WrongValueError(
            f"A race with {threads} threads over {rounds} rounds cannot be run.",
            why="It takes at least one of each.",
            fix="Use --threads 1 or more, and --rounds 1 or more; 31 rounds show small differences.",
        )
    with _bundle(Path(model), target, progress) as bundle:
        if device.host is None and (device.emulated or not can_run_here([bundle])):
            refuse_to_count(threads)
            return count_race(bundle, target_of(bundle), progress=progress)
        with connected(device, [bundle], progress=progress) as machine:
            facts = probe(machine)
            refuse_emulated_time(facts, machine.name, "edgekit bench")
            check_fit(bundle.manifest, facts, machine.name)
            return race_bundle(bundle, machine, threads=threads, rounds=rounds, progress=progress)


@contextmanager
def _bundle(model: Path, target: Target | str, progress: Progress) -> Iterator[Bundle]:
    if model.is_file() or model.suffix == ".tflite":
        with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as folder:
            yield build(model, target=target, output=folder, progress=progress)
        return
    bundle = read_bundle(model)
    if is_litert(bundle.manifest):
        raise WrongValueError(
            f"The bundle {model} has LiteRT as its engine, so there is nothing to race it with.",
            why="EdgeKit's own code is not in it.",
            fix="Give the .tflite file, and --target.",
        )
    yield bundle

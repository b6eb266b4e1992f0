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
from edgekit.profile import InstructionRace, Race, count_race, race_bundle, refuse_uncountable
from edgekit.target import Target, TargetKind, load_target
from edgekit.verbs.build import build
from edgekit.verbs.connect import connected, is_emulated, refuse_emulated_time, refuse_probe, target_of
from edgekit.verbs.threads import refuse_to_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgekit.artifacts import Bundle

    Progress = Callable[[str, float | None], None]

_HERE = DeviceChoice()
ROUNDS = 31


def bench(
    model: Path | str,
    *,
    target: Target | str = "host",
    device: DeviceChoice = _HERE,
    threads: int = 1,
    rounds: int | None = None,
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
        rounds: pairs of measurements, by default 31; not for counted instructions, which repeat exactly.
        progress: called with each stage and the share done (0 to 1, or None).

    Returns:
        Times with their spread, the ratio LiteRT / EdgeKit with its 95 % interval, the winner if the
        interval leaves no doubt, and a verdict on the measurement; or instructions and their ratio.

    Raises:
        WrongValueError: `threads` or `rounds` is below 1; the bundle's engine is LiteRT; the target is a
            microcontroller, or the device a debug probe; or instructions are to be counted in rounds, of
            several threads or for a target that LiteRT has no wheel for (exit code 2).
        UnreadableModelError, UnsupportedModelError: the model cannot be built (7).
        LiteRtMissingError: the device has no Python with LiteRT (8).
        BundleWrongDeviceError: the target is not for this device (5).
        EmulatedTimeError: `device` names an emulated board by its address (2).
        LibraryRefusedError: LiteRT cannot run the model there, or runs it without XNNPACK (5).
        DeviceError: the device cannot be reached, or has no room (5).
    """
    refuse_probe(device)
    if threads < 1 or (rounds is not None and rounds < 1):
        asked = ROUNDS if rounds is None else rounds
        raise WrongValueError(
            f"A race with {threads} threads over {asked} rounds cannot be run.",
            why="It takes at least one of each.",
            fix=f"Use --threads 1 or more, and --rounds 1 or more; {ROUNDS} rounds show small differences.",
        )
    source = _source(Path(model), target)
    wanted = source if isinstance(source, Target) else target_of(source)
    if wanted.kind is TargetKind.MICROCONTROLLER:
        raise WrongValueError(
            f"There is nothing to race with on {wanted.name}.",
            why="LiteRT needs an operating system; a microcontroller has none.",
            fix="Count EdgeKit's instructions alone: edgekit profile.",
        )
    counts = is_emulated(device, wanted)
    if counts:
        _refuse_to_count(wanted, threads, rounds)
    with _built(Path(model), source, progress) as bundle:
        if counts:
            return count_race(bundle, wanted, progress=progress)
        with connected(device, [bundle], progress=progress) as machine:
            facts = probe(machine)
            refuse_emulated_time(facts, machine.name, "edgekit bench")
            check_fit(bundle.manifest, facts, machine.name)
            return race_bundle(bundle, machine, threads=threads, rounds=rounds or ROUNDS, progress=progress)


def _source(model: Path, target: Target | str) -> Target | Bundle:
    """The target to build a .tflite file for, or the bundle that `model` is."""
    if model.is_file() or model.suffix == ".tflite":
        return load_target(target) if isinstance(target, str) else target
    bundle = read_bundle(model)
    if is_litert(bundle.manifest):
        raise WrongValueError(
            f"The bundle {model} has LiteRT as its engine, so there is nothing to race it with.",
            why="EdgeKit's own code is not in it.",
            fix="Give the .tflite file, and --target.",
        )
    return bundle


@contextmanager
def _built(model: Path, source: Target | Bundle, progress: Progress) -> Iterator[Bundle]:
    if isinstance(source, Target):
        with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as folder:
            yield build(model, target=source, output=folder, progress=progress)
    else:
        yield source


def _refuse_to_count(target: Target, threads: int, rounds: int | None) -> None:
    """Refuse what counting instructions cannot give, before anything is built."""
    refuse_to_count(threads)
    if rounds is not None:
        raise WrongValueError(
            f"Instructions are not counted in {rounds} rounds.",
            why=f"No {target.name} is at hand, so they are counted under QEMU, where they repeat exactly.",
            fix="Leave --rounds out, or race on a board: --host.",
        )
    refuse_uncountable(target)

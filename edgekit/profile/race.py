"""EdgeKit and LiteRT on the same device and model: which is faster, and how sure that is."""

from __future__ import annotations

import dataclasses
import inspect
import json
import tempfile
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.devices import runner
from edgekit.devices.emulated.identity import architecture_of
from edgekit.devices.emulated.litert import count_litert
from edgekit.devices.frames import load_golden, pack_frames
from edgekit.devices.probe import probe
from edgekit.devices.workspace import installed, put_bytes
from edgekit.errors import RunnerFailedError, WrongValueError
from edgekit.measurement import (
    Assessment,
    Block,
    Evidence,
    MachineState,
    Ratio,
    Standing,
    Timing,
    Verdict,
    judge,
    paired_ratio,
    read_state,
    round_ratios,
    summarize,
    warm_up,
)
from edgekit.profile.count import check_emulated, count_bundle
from edgekit.runtime import runtime_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edgekit.artifacts import Bundle
    from edgekit.devices.device import Device
    from edgekit.devices.probe import MachineFacts
    from edgekit.devices.workspace import Installed
    from edgekit.target import Target

    Progress = Callable[[str, float | None], None]

_RACE, _INPUTS, _EXPECTED, _MODEL = "race_runner.py", "inputs.bin", "expected.bin", "model.tflite"
_MOST_SECONDS = 1800.0


class Winner(StrEnum):
    """Who is faster beyond doubt."""

    EDGEKIT = "edgekit"
    LITERT = "litert"
    NOBODY = "nobody"  # inside the noise, or the measurement is not to be used


@dataclasses.dataclass(frozen=True, kw_only=True)
class Race:
    """Engines measured in turn on one device. The ratio is LiteRT / EdgeKit; over 1, EdgeKit is faster."""

    model: str
    target: str
    device: str
    threads: int
    rounds: int
    edgekit: Timing  # of one invocation
    litert: Timing
    ratio: Ratio
    winner: Winner
    litert_version: str
    delegate: str
    exact: bool | None  # whether EdgeKit's answers there are the oracle's; None: the bundle has none
    macs: int
    machine: MachineFacts
    before: MachineState
    after: MachineState
    assessment: Assessment


@dataclasses.dataclass(frozen=True, kw_only=True)
class InstructionRace:
    """What both engines execute for one invocation under an emulator, with one thread. No measure of time."""

    model: str
    target: str
    device: str
    emulator: str
    edgekit_instructions: int
    litert_instructions: int
    ratio: float  # LiteRT / EdgeKit
    litert_version: str
    exact: bool | None  # whether EdgeKit's answers under the emulator are the oracle's; None: no oracle
    macs: int


def race_bundle(
    bundle: Bundle, device: Device, *, threads: int = 1, rounds: int = 31, progress: Progress
) -> Race:
    """Run a bundle of EdgeKit's engine against LiteRT with XNNPACK on a device, on the first golden frame.

    Both are in one process there and are measured in turn (`runtime/race_runner.py` says why). EdgeKit's
    answers are checked first.

    Args:
        bundle: a bundle whose files were checked, for a CPU like the device's.
        device: where to run them. On an emulated one the times would mean nothing: `count_race`.
        threads: of both.
        rounds: pairs of measurements.
        progress: told what is being done.

    Raises:
        LiteRtMissingError: the device has no Python with LiteRT.
        LibraryRefusedError: an engine cannot load the model there, or LiteRT runs it without XNNPACK.
        RunnerFailedError: the model does not run there.
        DeviceError: the device cannot be reached, or has no room.
    """
    golden = load_golden(bundle.path, bundle.manifest)
    with installed(device, bundle) as model:
        _install_race(device, bundle, model)
        put_bytes(device, pack_frames(golden.inputs), model.scratch_file(_INPUTS))
        exact = None
        if golden.outputs is not None:
            progress(f"checking EdgeKit's answers on {device.name}", None)
            put_bytes(device, pack_frames(golden.outputs), model.scratch_file(_EXPECTED))
            places = (model.scratch_file(_INPUTS), model.scratch_file(_EXPECTED))
            checked = runner.check(device, model.directory, model.library, *places, threads=threads)
            exact = checked.equal
        progress(f"racing EdgeKit and LiteRT on {device.name}, {rounds} rounds", None)
        machine, before = probe(device), read_state(device)
        began = time.monotonic()
        answer = _run(device, model, threads, rounds)
        after = read_state(device)
        seconds = time.monotonic() - began
    ours, theirs = answer["ns"]["edgekit"], answer["ns"]["litert"]
    evidence = Evidence(
        before=before,
        after=after,
        series=(ours, theirs),
        names=("EdgeKit", "LiteRT"),
        threads=threads,
        is_steady=answer["is_steady"],
        own_cores=answer["cpu_seconds"] / seconds,
        ratios=round_ratios(ours, theirs),
    )
    ratio, assessment = paired_ratio(ours, theirs), judge(evidence)
    return Race(
        model=bundle.manifest["model"]["name"],
        target=bundle.manifest["target"]["name"],
        device=device.name,
        threads=threads,
        rounds=rounds,
        edgekit=summarize(ours),
        litert=summarize(theirs),
        ratio=ratio,
        winner=decide(ratio, assessment),
        litert_version=answer["runtime"]["name"],
        delegate=answer["runtime"]["delegate"],
        exact=exact,
        macs=bundle.manifest["macs"],
        machine=machine,
        before=before,
        after=after,
        assessment=assessment,
    )


def decide(ratio: Ratio, assessment: Assessment) -> Winner:
    """Who won; nobody inside the noise, and nobody where the measurement is not to be used."""
    if assessment.verdict is Verdict.INVALID or ratio.verdict is Standing.UNDECIDED:
        return Winner.NOBODY
    return Winner.EDGEKIT if ratio.verdict is Standing.FASTER else Winner.LITERT


def count_race(bundle: Bundle, target: Target, *, progress: Progress) -> InstructionRace:
    """Count what both engines execute under QEMU on this machine, for one invocation with one thread.

    EdgeKit's answers are checked first.

    Args:
        bundle: a bundle whose files were checked, for an ARM target.
        target: the target that it was built for.
        progress: told what is being done.

    Raises:
        NotEmulatedError: the target is no ARM board.
        WrongValueError: LiteRT has no wheel for the target's architecture.
        PackageUnavailableError: there is no network.
        ToolMissingError: QEMU is not installed, or takes no plugins.
        EmulatorFailedError: an engine failed under it, or LiteRT did not use XNNPACK.
    """
    refuse_uncountable(target)
    exact = check_emulated(bundle, target, progress=progress)
    ours = count_bundle(bundle, target, progress=progress)
    golden = load_golden(bundle.path, bundle.manifest)
    with tempfile.TemporaryDirectory(prefix="edgekit-race-") as folder:
        inputs = Path(folder) / _INPUTS
        inputs.write_bytes(pack_frames([tensor[:1] for tensor in golden.inputs]))
        theirs = count_litert(bundle.path / _MODEL, inputs, target, progress=progress)
    return InstructionRace(
        model=ours.model,
        target=ours.target,
        device=ours.device,
        emulator=ours.emulator,
        edgekit_instructions=ours.total_instructions,
        litert_instructions=theirs.instructions,
        ratio=theirs.instructions / ours.total_instructions,
        litert_version=theirs.version,
        exact=exact,
        macs=ours.macs,
    )


def refuse_uncountable(target: Target) -> None:
    """Refuse to count what LiteRT executes where there is no LiteRT to count.

    Raises:
        NotEmulatedError: the target is no ARM board.
        WrongValueError: LiteRT has no wheel for the target's architecture.
    """
    architecture_of(target)
    if target.architecture != "aarch64":
        raise WrongValueError(
            f"LiteRT's instructions cannot be counted for {target.name}.",
            why=f"The package ai-edge-litert has no wheel for {target.architecture}.",
            fix="Race on a board with tflite-runtime (--host), or count EdgeKit's alone: edgekit profile.",
        )


def _install_race(device: Device, bundle: Bundle, model: Installed) -> None:
    """Put beside the library what the race needs."""
    paths = [runtime_file(name) for name in (_RACE, "litert_runner.py")]
    for path in (
        *paths,
        Path(inspect.getfile(Block)),
        Path(inspect.getfile(warm_up)),
        bundle.path / "edgekit_model.py",
        bundle.path / _MODEL,
    ):
        device.put(path, model.scratch_file(path.name), mode=0o755 if path.name == _RACE else 0o644)


def _run(device: Device, model: Installed, threads: int, rounds: int) -> Mapping[str, Any]:
    files = (f"{model.directory}/{model.library}", model.scratch_file(_MODEL), model.scratch_file(_INPUTS))
    options = ("--threads", str(threads), "--rounds", str(rounds))
    done = device.run(model.scratch_file(_RACE), *files, *options, timeout_seconds=_MOST_SECONDS)
    if done.exit_code != 0:
        raise runner.runner_failure(done, device.name)
    try:
        answer: Mapping[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise RunnerFailedError(
            f"The race on {device.name} gave no readable answer.",
            why=f"Its JSON breaks off or is garbled: {error}.",
            fix="Try again.",
        ) from error
    return answer

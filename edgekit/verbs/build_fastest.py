"""Build a model with the engine that is faster on the device."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.artifacts import Engine
from edgekit.devices.choice import DeviceChoice
from edgekit.errors import LiteRtMissingError, NoDelegateError, WrongValueError
from edgekit.measurement import Verdict
from edgekit.profile import Race, Winner
from edgekit.project import Budgets
from edgekit.target import Target, load_target
from edgekit.verbs.bench import bench
from edgekit.verbs.build import build, prepared
from edgekit.verbs.connect import is_emulated, target_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgekit.artifacts import Bundle, QuantizedModel
    from edgekit.pipeline import Calibration

    Progress = Callable[[str, float | None], None]

_HERE = DeviceChoice()
_NO_BUDGETS = Budgets()

GIVEN_UP = (
    "Answers that are bit-exact to the oracle: LiteRT's are its own, and differ a little from CPU to CPU.",
    "A device that needs nothing: it must have a Python with ai-edge-litert or tflite-runtime.",
    "A planned arena, and times operator by operator in `edgekit profile`.",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """A bundle, the engine that was chosen for it, and why."""

    bundle: Bundle
    engine: Engine
    why: str
    given_up: tuple[str, ...]  # by choosing LiteRT; nothing by choosing EdgeKit
    race: Race | None  # None: it could not be run, and `why` says why not


def build_fastest(
    model: Path | str | QuantizedModel,
    *,
    target: Target | str,
    calibration: Calibration | None = None,
    device: DeviceChoice = _HERE,
    threads: int = 1,
    rounds: int | None = None,
    output: Path | str = "build",
    name: str | None = None,
    budgets: Budgets = _NO_BUDGETS,
    trials: int | None = None,
    tune_minutes: float | None = None,
    executor: str | None = None,
    dump: Path | None = None,
    progress: Progress = lambda _stage, _share: None,
) -> Choice:
    """Build for EdgeKit's own engine, race that against LiteRT on the device, and ship the winner.

    LiteRT is chosen only if it is faster beyond doubt: inside the noise, or where it is not on the device,
    EdgeKit's engine stays. Its build is in place before the race, so that an interrupted race leaves it.

    Args:
        model, target, calibration, output, name, budgets, trials, tune_minutes, executor, dump, progress: as
            `build`.
        device: where to tune and to race: a host, or by default this machine. Counted instructions do
            not decide.
        threads, rounds: as `bench`.

    Raises:
        WrongValueError: no device to race on, or a budget of RAM, to which LiteRT cannot be held (2).
        Whatever `build` and `bench` raise, but a LiteRT that is not there or not at its best.
    """
    chosen = load_target(target) if isinstance(target, str) else target
    if budgets.max_ram_bytes is not None:
        raise WrongValueError(
            "A budget of RAM and a free choice of the engine cannot both be had.",
            why="LiteRT allocates its memory on the device, so a budget cannot be held with it.",
            fix="Leave --max-ram out, or choose EdgeKit's own engine: --engine edgekit.",
        )
    source = prepared(model, calibration, name=name, dump=dump, progress=progress)
    bundle = build(
        source,
        target=chosen,
        output=output,
        name=name,
        budgets=budgets,
        trials=trials,
        tune_minutes=tune_minutes,
        executor=executor,
        device=device,
        dump=dump,
        progress=progress,
    )
    if is_emulated(device, target_of(bundle)):
        raise WrongValueError(
            f"The faster engine for {chosen.name} cannot be found out without a {chosen.name}.",
            why="Here its instructions can only be counted, and fewer are not always faster. The build with "
            f"EdgeKit's own engine is in {bundle.path}.",
            fix="Give a board to race on: --host. 'edgekit bench --emulated' compares the counts.",
        )
    try:
        race = bench(bundle.path, device=device, threads=threads, rounds=rounds, progress=progress)
    except (LiteRtMissingError, NoDelegateError) as error:
        why = f"There was no race: {error.what} {error.why}"
        return Choice(bundle=bundle, engine=Engine.EDGEKIT, why=why, given_up=(), race=None)
    assert isinstance(race, Race)  # no emulator was asked for
    if race.winner is not Winner.LITERT:
        return Choice(bundle=bundle, engine=Engine.EDGEKIT, why=_why(race), given_up=(), race=race)
    litert = build(
        source,
        target=chosen,
        output=output,
        name=name,
        budgets=budgets,
        engine=Engine.LITERT,
        progress=progress,
    )
    return Choice(bundle=litert, engine=Engine.LITERT, why=_why(race), given_up=GIVEN_UP, race=race)


def _why(race: Race) -> str:
    ratio = race.ratio
    sure = f"LiteRT / EdgeKit {ratio.middle:.3f}, 95 % interval {ratio.low:.3f} to {ratio.high:.3f}"
    where = f"on {race.device} with {race.threads} thread{'s' if race.threads > 1 else ''}"
    found = {
        Winner.EDGEKIT: "EdgeKit's engine is faster",
        Winner.LITERT: "LiteRT is faster",
        Winner.NOBODY: "Neither is faster beyond doubt, so EdgeKit's engine stays",
    }
    assessment = race.assessment
    if assessment.verdict is not Verdict.INVALID:
        return f"{found[race.winner]} {where}: {sure} ({assessment.verdict.value})."
    reasons = " ".join(r.words for r in assessment.reasons if r.verdict is Verdict.INVALID)
    return f"The race {where} is INVALID and decides nothing, so EdgeKit's engine stays: {reasons}"

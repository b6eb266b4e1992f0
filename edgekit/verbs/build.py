"""Build a model for a target."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.artifacts import Engine, QuantizedModel
from edgekit.devices.choice import DeviceChoice
from edgekit.errors import NothingToTuneError, WrongValueError
from edgekit.pipeline import compile_model, make_firmware, quantize_model, wrap_for_litert
from edgekit.project import Budgets
from edgekit.search.thrift import LAVISH, Thrift
from edgekit.store import Store, shipped_records, store_path
from edgekit.target import Target, TargetKind, load_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgekit.artifacts import Bundle
    from edgekit.pipeline import Calibration
    from edgekit.store import Records

    Progress = Callable[[str, float | None], None]

_HERE = DeviceChoice()
_NO_BUDGETS = Budgets()


def build(
    model: Path | str | QuantizedModel,
    *,
    target: Target | str,
    calibration: Calibration | None = None,
    output: Path | str = "build",
    name: str | None = None,
    budgets: Budgets = _NO_BUDGETS,
    thrift: Thrift = LAVISH,
    engine: Engine = Engine.EDGEKIT,
    trials: int | None = None,
    tune_minutes: float | None = None,
    executor: str | None = None,
    device: DeviceChoice = _HERE,
    dump: Path | None = None,
    progress: Progress = lambda _stage, _share: None,
) -> Bundle:
    """Build a model for a target, into `output`/<model>/<target>.

    The folder is complete or absent: what was there stays until the new build is whole. The same model,
    target, versions of the tools and records of tuning give the same bytes.

    Args:
        model: path of a full-integer .tflite file; with `calibration` of a float model, as `quantize` takes
            it; or what `quantize` gave.
        target: a target, its name ("rpi4") or the path of a target file.
        calibration: the samples to quantize a float model with, and how.
        output: root of the build folders.
        name: what to call the model; its file's name by default.
        budgets: bytes of RAM and flash that the build may need at most, and on a microcontroller the
            instructions of an invocation.
        thrift: what may be done to a microcontroller's model for the sake of memory: bands, and integers
            at its edges.
        engine: EdgeKit's own; or LiteRT, whose answers are not bit-exact to the oracle, and which must be on
            the device: nothing is compiled then. `build_fastest` chooses by a race.
        trials: measure so many candidates before; see `tune`.
        tune_minutes: measure for so long before.
        executor: what builds candidates; see `tune`.
        device: where to measure them; not used without `trials` and `tune_minutes`.
        dump: a folder for the value after every stage, as text.
        progress: called with each stage and the share done, 0 to 1.

    Returns:
        The bundle: its path and manifest.

    Raises:
        UnreadableModelError, UnsupportedModelError: the model cannot be built (exit code 7).
        CalibrationMissingError: it is a float model, and there is no `calibration` (7).
        Whatever `quantize` raises, if there is.
        UnknownTargetError, UnknownCpuError: there is no such target or CPU (2).
        BudgetExceededError: it costs more than it may (4).
        ToolMissingError: the C compiler is not installed (8).
        BundleUnwritableError: the folder cannot be written.
        WrongValueError: tuning, or a budget of RAM, with LiteRT (2).
        LibraryRefusedError: LiteRT cannot run the model (5).
        StoreUnreadableError, StoreVersionError: the user's tuning store cannot be read (2).
        Whatever `tune` raises, if there is something to measure before.
    """
    chosen = load_target(target) if isinstance(target, str) else target
    tunes = trials is not None or tune_minutes is not None
    _refuse_what_is_not_there(chosen, budgets, thrift, engine, tunes=tunes)
    source = prepared(model, calibration, name=name, dump=dump, progress=progress)
    given: dict[str, Any] = {"name": name, "budgets": budgets, "dump": dump, "progress": progress}
    if engine is Engine.LITERT:
        return wrap_for_litert(source, chosen, Path(output), **given)
    if tunes:
        from edgekit.verbs.tune import tune

        with contextlib.suppress(NothingToTuneError):
            tune(
                source,
                target=chosen,
                device=device,
                trials=trials,
                minutes=tune_minutes,
                executor=executor,
                progress=progress,
            )
    with known_records() as records:
        if chosen.kind is TargetKind.MICROCONTROLLER:
            return make_firmware(source, chosen, Path(output), thrift=thrift, records=records, **given)
        return compile_model(source, chosen, Path(output), records=records, **given)


def prepared(
    model: Path | str | QuantizedModel,
    calibration: Calibration | None,
    *,
    name: str | None = None,
    dump: Path | None = None,
    progress: Progress = lambda _stage, _share: None,
) -> Path | QuantizedModel:
    """The model as the chain takes it: quantized, if there is something to quantize it with.

    Raises whatever `quantize` does.
    """
    if isinstance(model, QuantizedModel):
        if calibration is not None:
            raise WrongValueError(
                f"{model.name} is not quantized again.",
                why="It was made of integers before.",
                fix="Leave the calibration out, or give the path of the float model.",
            )
        return model
    if calibration is None:
        return Path(model)
    return quantize_model(Path(model), calibration, name=name, dump=dump, progress=progress)


def _refuse_what_is_not_there(
    target: Target, budgets: Budgets, thrift: Thrift, engine: Engine, *, tunes: bool
) -> None:
    """LiteRT does not run on a microcontroller; what costs instructions or saves memory is there alone."""
    bare = target.kind is TargetKind.MICROCONTROLLER
    if tunes and engine is Engine.LITERT:
        raise WrongValueError(
            "LiteRT cannot be tuned.",
            why="It brings its kernels along and chooses among them on the device.",
            fix="Leave --trials and --tune-minutes out, or use EdgeKit's own engine.",
        )
    if bare and engine is Engine.LITERT:
        raise WrongValueError(
            f"LiteRT does not run on {target.name}.",
            why="It needs an operating system.",
            fix="Leave --engine out: EdgeKit's own engine needs nothing on the device.",
        )
    if budgets.max_instructions is not None and not bare:
        raise WrongValueError(
            f"A budget of instructions cannot be held for {target.name}.",
            why="They are counted on emulated microcontrollers; on Linux what counts is time.",
            fix="Leave --max-instructions out, or build for a microcontroller: 'edgekit targets' lists them.",
        )
    if thrift != LAVISH and not bare:
        raise WrongValueError(
            f"The model is not changed for {target.name}.",
            why="Layers run in bands, and without floats at the edges, on microcontrollers alone.",
            fix="Leave --patches and --interface out, or build for a microcontroller: "
            "'edgekit targets' lists them.",
        )


@contextlib.contextmanager
def known_records() -> Iterator[tuple[Records, ...]]:
    """The user's records, if there are any, and those that EdgeKit ships."""
    path = store_path()
    if not path.is_file():
        yield (shipped_records(),)
        return
    with Store(path) as store:
        yield store, shipped_records()

"""Measure the candidates of a model's kernels, and keep what was found for every later build."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.artifacts import QuantizedModel
from edgekit.codegen import resolve_host_cpu
from edgekit.devices.choice import DeviceChoice
from edgekit.devices.emulated.programs import qemu_name
from edgekit.devices.emulated.tools import run_tool
from edgekit.devices.local import LocalDevice
from edgekit.devices.probe import probe
from edgekit.errors import (
    BundleWrongDeviceError,
    EmulatedTimeError,
    NothingToTuneError,
    StoreUnreadableError,
    WrongValueError,
)
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.package.runner_binary import build_runner
from edgekit.schedule.cpu import cpu_features
from edgekit.schedule.tasks import tasks
from edgekit.search.build import executor as open_executor
from edgekit.search.firmware import MicrocontrollerRunner
from edgekit.search.machine import Machine, feature_text, machine_of
from edgekit.search.measure import DeviceRunner, EmulatedRunner, Patience
from edgekit.search.tuning import Budget, Tuner, TuneReport
from edgekit.store import Source, Store, Unit, read_text, store_path, write_text
from edgekit.target import Target, TargetKind, load_target
from edgekit.verbs.connect import connected, refuse_probe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgekit.devices.device import Device
    from edgekit.search.measure import BatchRunner

    Progress = Callable[[str, float | None], None]

_HERE = DeviceChoice()


def tune(
    model: Path | str | QuantizedModel,
    *,
    target: Target | str,
    device: DeviceChoice = _HERE,
    trials: int | None = None,
    minutes: float | None = None,
    executor: str | None = None,
    store: Path | str | None = None,
    patience: Patience | None = None,
    progress: Progress = lambda _stage, _share: None,
) -> TuneReport:
    """Measure the candidates of every kernel of a model on a device, and keep their scores.

    It may be interrupted at any time: what was measured is kept, and the next run goes on from there. When
    the device goes away it is waited for. On an emulated device, and for a microcontroller, the scores are
    executed instructions.

    Args:
        model: path of a full-integer .tflite file, or what `quantize` gave.
        target: a target, its name or the path of a target file.
        device: a host, emulation, or by default this machine if it is like the target, else emulation.
        trials: how many candidates to measure at most.
        minutes: how long to measure at most; with neither, until none is left.
        executor: what builds the candidates: "module:factory" of a `concurrent.futures.Executor`, or the
            address of a Dask scheduler; a process per core by default.
        store: the store's file; the user's own by default.
        patience: how long to wait for a device that went away.
        progress: called with what is done, the best so far and the time left, and the share done.

    Returns:
        What was measured, and the best of each kernel.

    Raises:
        WrongValueError: `trials` or `minutes` is not positive, or a microcontroller's board is named by a
            host or a debug probe (2).
        UnreadableModelError, UnsupportedModelError, NothingToTuneError: the model cannot be tuned (7).
        StoreUnreadableError, StoreVersionError, StoreUnwritableError: the store cannot be used (2).
        ExecutorUnusableError: there is no such executor (2).
        BundleWrongDeviceError, DeviceError: the device is another, or cannot be reached (5).
        ToolMissingError: the C compiler, or QEMU, is not installed (8).
        NotEmulatedError: QEMU has no machine with a microcontroller's core (2).
        CandidateDiffersError: a candidate computes something else: a bug (1).
    """
    budget = _budget(trials, minutes)
    chosen = resolve_host_cpu(load_target(target) if isinstance(target, str) else target)
    _refuse_board(chosen, device)
    progress("reading the model", None)
    network = model if isinstance(model, QuantizedModel) else read_tflite(Path(model))
    work = tasks(lower(network), chosen)
    if not work:
        raise NothingToTuneError(
            f"{network.name} has nothing to tune for {chosen.name}.",
            why="None of its kernels could be computed in several ways.",
            fix="Build it as it is.",
        )
    with (
        Store(Path(store) if store is not None else store_path()) as opened,
        batch_runner(chosen, device, progress, patience) as runner,
        open_executor(executor) as pool,
    ):
        tuner = Tuner(chosen, runner, opened, pool, workers=os.cpu_count() or 1, progress=progress)
        return tuner.run(work, budget)


def export_records(file: Path, *, store: Path | None = None) -> int:
    """Write the records of a store (the user's by default) as text; returns how many.

    Raises:
        StoreUnreadableError, StoreVersionError, StoreUnwritableError: the store cannot be used.
        RecordsUnreadableError: the file cannot be written.
    """
    path = store or store_path()
    if not path.is_file():
        raise StoreUnreadableError(
            f"There is no tuning store {path}.",
            why="It is made by the first `edgekit tune`, or by `edgekit tune --import`.",
            fix="Check the path that --store or $EDGEKIT_TUNING_STORE gives, or tune a model first.",
        )
    with Store(path) as opened:
        return write_text(opened.all_records(), file)


def import_records(file: Path, *, store: Path | None = None) -> int:
    """Add the records of a text to a store (the user's by default); returns how many. All or none.

    Raises:
        RecordsUnreadableError: the file is no such text.
        StoreUnreadableError, StoreVersionError, StoreUnwritableError: the store cannot be used.
    """
    records = read_text(file)
    with Store(store or store_path()) as opened:
        opened.add(records)
    return len(records)


def _budget(trials: int | None, minutes: float | None) -> Budget:
    for name, value in (("trials", trials), ("minutes", minutes)):
        if value is not None and not value > 0:
            raise WrongValueError(
                f"Nothing can be tuned in {value:g} {name}.", why="It must be more than 0.", fix="Raise it."
            )
    return Budget(trials=trials, seconds=None if minutes is None else 60 * minutes)


@contextlib.contextmanager
def batch_runner(
    target: Target, device: DeviceChoice, progress: Progress, patience: Patience | None = None
) -> Iterator[BatchRunner]:
    """What measures candidates for a resolved target: a host, this machine, or QEMU.

    Raises:
        BundleWrongDeviceError, EmulatedTimeError, DeviceError, ToolMissingError, NotEmulatedError,
        WrongValueError: see `tune`.
    """
    if target.kind is TargetKind.MICROCONTROLLER:
        _refuse_board(target, device)
        yield MicrocontrollerRunner(target)
        return
    here = probe(LocalDevice()).architecture == target.architecture
    if device.host is None and (device.emulated or not here):
        yield EmulatedRunner(target, build_runner(target), _emulator(target), progress)
        return
    with DeviceRunner(
        lambda: connected(device, progress=progress),
        build_runner(target),
        lambda opened: _probed(opened, target, device),
        wants_quiet=device.host is None,
        progress=progress,
        patience=patience,
    ) as runner:
        yield runner


def _refuse_board(target: Target, device: DeviceChoice) -> None:
    """Refuse a board that nothing can be tuned on, before anything is read or compiled."""
    if target.kind is not TargetKind.MICROCONTROLLER:
        refuse_probe(device)
    elif device.host is not None or device.probe:
        where, option = ("by a debug probe", "probe") if device.probe else (f"on {device.host}", "host")
        raise WrongValueError(
            f"A model for {target.name} cannot be tuned {where}.",
            why="Microcontrollers are tuned by counting instructions on an emulated core.",
            fix=f"Leave --{option} out.",
        )


def _probed(device: Device, target: Target, choice: DeviceChoice) -> Machine:
    facts = probe(device)
    if facts.architecture != target.architecture:
        raise BundleWrongDeviceError(
            f"{device.name} is no {target.name}.",
            why=f"Its programs are {facts.architecture}; the target's are {target.architecture}.",
            fix="Tune for a target like this device; `edgekit targets` lists them.",
        )
    if facts.model is not None and "emulated" in facts.model.lower():
        raise EmulatedTimeError(
            f"{device.name} is an emulated board, so nothing can be timed on it.",
            why=f"It calls itself {facts.model!r}; its clock measures this machine, not a board.",
            fix="edgekit tune --emulated counts the executed instructions instead.",
        )
    return machine_of(device, facts, Source.MACHINE if choice.host is None else Source.BOARD)


def _emulator(target: Target) -> Machine:
    version = run_tool(qemu_name(target), "--version", purpose="Asking QEMU's version").splitlines()[0]
    return Machine(
        source=Source.EMULATOR,
        name=f"{version}, {target.emulated_cpu}",
        features=feature_text(cpu_features(target)),
        unit=Unit.INSTRUCTIONS,
    )

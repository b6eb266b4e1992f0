"""The runner of a bundle, worked over any `Device`: one typed function per command.

It is a native program; a bundle whose engine is LiteRT has a Python program in its place, with the same
commands and answers (runtime/litert_runner.py).

`directory` is a folder on the device that holds the runner and the model library; files named by
the other arguments lie on the device too. Nothing is copied here.
"""

from __future__ import annotations

import dataclasses
import json
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from edgekit.errors import (
    BundleWrongDeviceError,
    DeviceRefusedError,
    EdgeKitError,
    InputsDoNotFitError,
    LibraryRefusedError,
    LiteRtMissingError,
    NoDelegateError,
    RunnerFailedError,
)
from edgekit.runtime.litert_runner import INSTALL as LITERT_INSTALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.devices.device import Completed, Device

RUNNER_NAME = "edgekit-runner"
_NOT_FOUND = 127
_ILLEGAL_INSTRUCTION = 128 + 4  # as a shell reports SIGILL, the same number on every Linux


class RunnerExit(IntEnum):
    """What `edgekit-runner` returns; the same numbers stand in runtime/runner.h."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DIFFERS = 3
    REFUSED = 5
    RUNTIME_MISSING = 8
    NO_DELEGATE = 9


@dataclasses.dataclass(frozen=True, kw_only=True)
class TensorDescription:
    """A tensor as the library describes it. `scale` is 0 if it is not quantized."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int
    arena_offset: int | None  # None: LiteRT keeps its memory to itself
    scale: float
    zero_point: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepDescription:
    """One step of the library, in execution order. `index` is the operator's place in the model."""

    name: str
    kernel: str
    index: int
    macs: int
    outputs: tuple[TensorDescription, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Runtime:
    """What runs a model that is not compiled: LiteRT."""

    name: str  # "ai-edge-litert 2.3.0"
    delegate: str | None  # "XNNPACK", if it took any part of the network over
    threads: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """What a library says about itself."""

    abi_version: int | None  # None, with the three sizes below, where the engine is LiteRT
    name: str
    digest: str
    target: str
    arena_bytes: int | None
    arena_alignment: int | None
    state_bytes: int | None
    inputs: tuple[TensorDescription, ...]
    outputs: tuple[TensorDescription, ...]
    operators: tuple[StepDescription, ...]
    runtime: Runtime | None = None  # None: EdgeKit's engine needs none


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """The first output element that is not as expected. A float that is not finite is a string."""

    frame: int
    output: int
    element: int  # flat, row-major
    expected: float | str
    actual: float | str


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What comparing every output byte of every frame gave.

    EdgeKit's outputs must be equal. LiteRT's may be as far away as its bundle's manifest allows.
    """

    frames: int
    equal: bool
    differing_elements: int
    first_difference: Difference | None
    largest_steps: float | None = None  # LiteRT: the largest distance, in steps of the output's scale
    tolerance_steps: float = 0.0

    @property
    def passes(self) -> bool:
        """Whether the outputs are those that they must be."""
        return self.equal or (self.largest_steps is not None and self.largest_steps <= self.tolerance_steps)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProfileSamples:
    """Nanoseconds, one number a run. Totals were taken without the steps being timed."""

    runs: int
    warm_up_runs: int = 0  # before them: as many as were asked for, and on until the times were steady
    is_steady: bool = True  # false: the warm-up was over before the times were steady
    is_shared: bool = True  # false: one thread ran it alone, since no step is worth sharing
    total_ns: tuple[int, ...]
    step_ns: tuple[tuple[int, ...], ...]  # [step][run]


def describe(device: Device, directory: str, library: str) -> ModelDescription:
    """Ask a library on the device for its description.

    Raises:
        LibraryRefusedError: it cannot be loaded there, or has another interface version.
        DeviceError: the device cannot be reached, or cannot start the runner.
    """
    answer = _run(device, directory, "describe", _path(directory, library))
    return ModelDescription(
        **{key: answer[key] for key in _scalars(ModelDescription)},
        inputs=_tensors(answer["inputs"]),
        outputs=_tensors(answer["outputs"]),
        operators=tuple(
            StepDescription(
                **{key: step[key] for key in _scalars(StepDescription)},
                outputs=_tensors(step["outputs"]),
            )
            for step in answer["operators"]
        ),
        runtime=Runtime(**answer["runtime"]) if "runtime" in answer else None,
    )


def check(
    device: Device,
    directory: str,
    library: str,
    inputs: str,
    outputs: str,
    *,
    threads: int = 1,
    timeout_seconds: float | None = 600.0,
) -> CheckResult:
    """Run all frames of `inputs` and compare with the frames of `outputs`, byte for byte.

    Raises:
        LibraryRefusedError: the library cannot be loaded, or has another interface version.
        InputsDoNotFitError: the files do not hold whole frames of this model.
        RunnerFailedError: the model failed, crashed, or wrote outside its memory.
        DeviceError: the device cannot be reached, or cannot start the runner.
    """
    answer = _run(
        device,
        directory,
        "check",
        *(_path(directory, name) for name in (library, inputs, outputs)),
        *_threads(threads),
        accepted=(RunnerExit.DONE, RunnerExit.DIFFERS),
        timeout_seconds=timeout_seconds,
    )
    first = answer["first_difference"]
    return CheckResult(
        frames=answer["frames"],
        equal=answer["equal"],
        differing_elements=answer["differing_elements"],
        first_difference=None if first is None else Difference(**first),
        largest_steps=answer.get("largest_steps"),
        tolerance_steps=answer.get("tolerance_steps", 0.0),
    )


def run(
    device: Device,
    directory: str,
    library: str,
    inputs: str,
    outputs: str,
    *,
    threads: int = 1,
    timeout_seconds: float | None = 600.0,
) -> int:
    """Run all frames of `inputs`, write `outputs` on the device, and return the number of frames.

    Raises:
        LibraryRefusedError, InputsDoNotFitError, RunnerFailedError, DeviceError: as `check`.
    """
    paths = (_path(directory, name) for name in (library, inputs, outputs))
    answer = _run(device, directory, "run", *paths, *_threads(threads), timeout_seconds=timeout_seconds)
    frames: int = answer["frames"]
    return frames


def dump(
    device: Device,
    directory: str,
    library: str,
    inputs: str,
    destination: str,
    *,
    frame: int | None = None,
    threads: int = 1,
    timeout_seconds: float | None = 600.0,
) -> int:
    """Run all frames, and write what each step wrote to `destination`, an existing folder.

    A file is named `<frame>-<step>-<output>.bin`. With `frame`, only that frame's files are
    written. Returns the number of steps.

    Raises:
        LibraryRefusedError, InputsDoNotFitError, RunnerFailedError, DeviceError: as `check`.
    """
    arguments = [_path(directory, name) for name in (library, inputs, destination)]
    arguments += _threads(threads)
    if frame is not None:
        arguments += ["--frame", str(frame)]
    answer = _run(device, directory, "dump", *arguments, timeout_seconds=timeout_seconds)
    steps: int = answer["steps"]
    return steps


def profile(
    device: Device,
    directory: str,
    library: str,
    inputs: str,
    *,
    warmup: int,
    runs: int,
    settle_seconds: int = 0,
    threads: int = 1,
    timeout_seconds: float | None = 600.0,
) -> ProfileSamples:
    """Time the first frame of `inputs`, as a whole and step by step.

    After `warmup` invocations more come until their times are steady, for `settle_seconds` at most.

    Raises:
        LibraryRefusedError, InputsDoNotFitError, RunnerFailedError, DeviceError: as `check`.
    """
    answer = _run(
        device,
        directory,
        "profile",
        _path(directory, library),
        _path(directory, inputs),
        *("--warmup", str(warmup), "--settle", str(settle_seconds), "--runs", str(runs)),
        *_threads(threads),
        timeout_seconds=timeout_seconds,
    )
    return ProfileSamples(
        runs=answer["runs"],
        warm_up_runs=answer["warm_up_runs"],
        is_steady=answer["is_steady"],
        is_shared=answer.get("is_shared", True),
        total_ns=tuple(answer["total_ns"]),
        step_ns=tuple(tuple(step["ns"]) for step in answer["steps"]),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReadRate:
    """How fast one thread reads memory over and over that takes so many bytes."""

    bytes: int
    bytes_per_second: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class MultiplyRate:
    """How fast one thread multiplies int8 values and adds them up, with the best instruction of the CPU."""

    instruction: str  # "sdot"
    macs_per_second: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Roofline:
    """The limits of a machine, measured there."""

    read: tuple[ReadRate, ...]  # from what fits the first cache to what fits none
    multiply: MultiplyRate | None  # None: a CPU without vectors

    def read_rate(self, working_set: int) -> float:
        """Bytes a second for a working set of so many bytes: that of the next larger one measured."""
        fitting = [rate for rate in self.read if rate.bytes >= working_set]
        return (fitting[0] if fitting else self.read[-1]).bytes_per_second


def roofline(device: Device, directory: str) -> Roofline:
    """Measure a device's limits for one thread; takes some 0.3 s there.

    Raises:
        DeviceError: the device cannot be reached, or cannot start the runner.
        RunnerFailedError: it has no memory for it.
    """
    answer = _run(device, directory, "roofline")
    return Roofline(
        read=tuple(ReadRate(**rate) for rate in answer["read"]),
        multiply=None if answer["multiply"] is None else MultiplyRate(**answer["multiply"]),
    )


def runner_failure(done: Completed, device_name: str) -> EdgeKitError:
    """The exception for a runner that did not do its work, by its exit code."""
    said = done.stderr.decode(errors="replace").strip() or "It printed no reason."
    if done.exit_code == RunnerExit.RUNTIME_MISSING or (done.exit_code == _NOT_FOUND and "python3" in said):
        return LiteRtMissingError(
            f"{device_name} has no LiteRT.",
            why=said,
            fix=f"On the device: {LITERT_INSTALL}. Builds with EdgeKit's own engine need none "
            "(edgekit build --engine edgekit).",
        )
    if done.exit_code in (126, 127):
        return DeviceRefusedError(
            f"{device_name} cannot start the EdgeKit runner.",
            why=f"{said} A runner for another CPU or C library gives this, or a folder mounted noexec.",
            fix="Build for a target that fits this device, and see that its folder may hold programs.",
        )
    if done.exit_code == RunnerExit.NO_DELEGATE:
        return NoDelegateError(
            f"LiteRT is not at its best on {device_name}, so it is not timed.",
            why=said,
            fix="Nothing need be done for EdgeKit's own engine: edgekit build --engine edgekit.",
        )
    if done.exit_code == RunnerExit.REFUSED:
        return LibraryRefusedError(
            f"{device_name} refused the model library.",
            why=said,
            fix="Build for a target that fits this device, with the EdgeKit that you deploy with.",
        )
    if done.exit_code == RunnerExit.USAGE:
        return InputsDoNotFitError(
            "The inputs do not fit the model.",
            why=said,
            fix="Compare their shapes and types with the bundle's manifest.json.",
        )
    if done.exit_code == _ILLEGAL_INSTRUCTION:
        return BundleWrongDeviceError(
            f"The bundle is for another CPU than that of {device_name}.",
            why=f"The model uses an instruction that this CPU lacks (signal 4). {said}",
            fix="Build for a target like this device; `edgekit targets` lists them.",
        )
    return RunnerFailedError(
        f"The model failed on {device_name}.",
        why=f"The runner ended with {_ending(done.exit_code)}. {said}",
        fix="Try again; if it fails every time, please report it with the model: it is a bug in EdgeKit.",
    )


def _run(
    device: Device,
    directory: str,
    *arguments: str,
    accepted: tuple[RunnerExit, ...] = (RunnerExit.DONE,),
    timeout_seconds: float | None = 60.0,
) -> Mapping[str, Any]:
    done = device.run(_path(directory, RUNNER_NAME), *arguments, timeout_seconds=timeout_seconds)
    if done.exit_code not in accepted:
        raise runner_failure(done, device.name)
    try:
        answer = json.loads(done.stdout.decode(errors="replace"))
    except json.JSONDecodeError as error:
        raise RunnerFailedError(
            f"The runner on {device.name} gave no readable answer.",
            why=f"Its JSON breaks off or is garbled: {error}.",
            fix="Deploy again; the runner there may be damaged or of another version.",
        ) from error
    found: Mapping[str, Any] = answer
    return found


def _threads(threads: int) -> tuple[str, ...]:
    return ("--threads", str(threads))


def _path(directory: str, name: str) -> str:
    """A path on the device; one with a slash in it is not searched in PATH."""
    return name if name.startswith("/") else f"{directory.rstrip('/')}/{name}"


def _ending(exit_code: int) -> str:
    if exit_code < 0:
        return f"signal {-exit_code}"
    return f"signal {exit_code - 128}" if exit_code > 128 else f"exit code {exit_code}"


def _scalars(described: type[ModelDescription | StepDescription]) -> list[str]:
    nested = ("inputs", "outputs", "operators", "runtime")
    return [field.name for field in dataclasses.fields(described) if field.name not in nested]


def _tensors(described: list[dict[str, Any]]) -> tuple[TensorDescription, ...]:
    return tuple(TensorDescription(**{**tensor, "shape": tuple(tensor["shape"])}) for tensor in described)

"""A microcontroller as a `Device`, emulated or real: it runs one bundle's model, by an image of its own.

What the native runner does on a Linux board (devices/runner.py), this does for the image: the same commands
and answers. Its files are this machine's.
"""

from __future__ import annotations

import dataclasses
import json
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.devices.device import Completed
from edgekit.devices.emulated.microcontroller.comparison import compare_frames
from edgekit.devices.emulated.microcontroller.execute import Emulator
from edgekit.devices.emulated.microcontroller.image_run import run_image
from edgekit.devices.emulated.microcontroller.model_image import model_image
from edgekit.devices.local import LocalDevice
from edgekit.devices.runner import RUNNER_NAME, RunnerExit
from edgekit.errors import WrongValueError
from edgekit.target import target_from_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from edgekit.artifacts import Bundle
    from edgekit.devices.device import Started
    from edgekit.devices.emulated.microcontroller.execute import Executor
    from edgekit.devices.emulated.microcontroller.image import Image
    from edgekit.devices.emulated.microcontroller.image_run import ImageRun

    Progress = Callable[[str, float | None], None]


@contextmanager
def microcontroller(bundle: Bundle, progress: Progress) -> Iterator[Microcontroller]:
    """The emulated microcontroller that a bundle was built for, with its model on it.

    Raises:
        NotEmulatedError: QEMU has no machine with such a core.
        ToolMissingError: the compiler or QEMU is not installed.
        EmulatorFailedError: the image cannot be made.
    """
    progress("making an image", None)
    with TemporaryDirectory(prefix="edgekit-image-") as folder:
        target = target_from_fields(bundle.manifest["target"])
        yield Microcontroller(bundle, model_image(bundle, Path(folder)), Emulator(target))


class Microcontroller:
    """What runs a bundle's model: a machine of QEMU that stands in for its target, or the board itself."""

    def __init__(self, bundle: Bundle, image: Image, executor: Executor) -> None:
        self.image = image
        self._executor = executor
        self._target = target_from_fields(bundle.manifest["target"])
        self._tensors = bundle.manifest["tensors"]
        self._files = LocalDevice()
        self._commands: dict[str, Callable[..., tuple[RunnerExit, dict[str, Any]]]] = {
            "describe": self._describe,
            "check": self._check,
            "run": self._run,
            "dump": self._dump,
        }

    @property
    def name(self) -> str:
        """How messages call it: "emulated cortex-m4"."""
        return self._executor.name

    def put(self, local: Path, remote: str, *, mode: int = 0o644) -> None:
        """See `Device.put`."""
        self._files.put(local, remote, mode=mode)

    def get(self, remote: str, local: Path) -> None:
        """See `Device.get`."""
        self._files.get(remote, local)

    def run(self, *argv: str, stdin: bytes = b"", timeout_seconds: float | None = 60.0) -> Completed:
        """Run a program; `edgekit-runner` is this class.

        Raises:
            RunnerFailedError: the model crashed, or overran its memory.
        """
        if Path(argv[0]).name != RUNNER_NAME:
            return self._files.run(*argv, stdin=stdin, timeout_seconds=timeout_seconds)
        code, answer = self._commands[argv[1]](*argv[3:])
        return Completed(argv=argv, exit_code=code, stdout=json.dumps(answer).encode(), stderr=b"")

    def start(self, *argv: str) -> AbstractContextManager[Started]:
        """See `Device.start`."""
        return self._files.start(*argv)

    def invoke(self, inputs: bytes, *, steps_from: int | None = None, count: bool = False) -> ImageRun:
        """Run the model on frames, every input of every frame in order; see `run_image`.

        Raises:
            RunnerFailedError: the model crashed, or overran its memory.
        """
        frames = len(inputs) // _frame_bytes(self._tensors["inputs"])
        return run_image(
            self.image.path,
            self._target,
            inputs,
            frames,
            steps_from=steps_from,
            count=count,
            executor=self._executor,
        )

    def _describe(self) -> tuple[RunnerExit, dict[str, Any]]:
        one = self.invoke(bytes(_frame_bytes(self._tensors["inputs"])))
        return RunnerExit.DONE, _plain(one.description)

    def _check(self, inputs: str, expected: str, *options: str) -> tuple[RunnerExit, dict[str, Any]]:
        _refuse_threads(options)
        done = self.invoke(Path(inputs).read_bytes())
        found = compare_frames(done.outputs, Path(expected).read_bytes(), done.description.outputs)
        return RunnerExit.DONE if found.equal else RunnerExit.DIFFERS, _plain(found)

    def _run(self, inputs: str, outputs: str, *options: str) -> tuple[RunnerExit, dict[str, Any]]:
        _refuse_threads(options)
        done = self.invoke(Path(inputs).read_bytes())
        Path(outputs).write_bytes(done.outputs)
        return RunnerExit.DONE, {"frames": done.frames}

    def _dump(self, inputs: str, destination: str, *options: str) -> tuple[RunnerExit, dict[str, Any]]:
        _refuse_threads(options)
        frame = int(options[options.index("--frame") + 1])
        done = self.invoke(Path(inputs).read_bytes(), steps_from=frame)
        at = 0
        for number, step in enumerate(done.description.operators):
            for position, tensor in enumerate(step.outputs):
                name = f"{frame}-{number}-{position}.bin"
                (Path(destination) / name).write_bytes(done.steps[at : at + tensor.bytes])
                at += tensor.bytes
        return RunnerExit.DONE, {"steps": len(done.description.operators)}


def _refuse_threads(options: tuple[str, ...]) -> None:
    if options[options.index("--threads") + 1] != "1":
        raise WrongValueError(
            "A microcontroller runs a model by one thread.",
            why="It has one core, or none that shares this work.",
            fix="Leave --threads out.",
        )


def _frame_bytes(tensors: list[dict[str, Any]]) -> int:
    return sum(int(np.prod(t["shape"], dtype=np.int64)) * np.dtype(t["dtype"]).itemsize for t in tensors)


def _plain(value: Any) -> dict[str, Any]:
    fields = dataclasses.asdict(value)
    return {key: field for key, field in fields.items() if field is not None or key != "runtime"}

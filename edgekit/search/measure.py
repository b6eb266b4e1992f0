"""Measuring a batch of candidates: on a device in one round trip, or by counting under QEMU."""

from __future__ import annotations

import dataclasses
import io
import json
import tarfile
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from edgekit.devices.emulated.counting import count_instructions
from edgekit.devices.emulated.programs import run_program
from edgekit.devices.runner import RUNNER_NAME, RunnerExit, runner_failure
from edgekit.devices.workspace import workspace
from edgekit.errors import (
    CommandTimedOutError,
    ConnectionLostError,
    DeviceUnreachableError,
    EdgeKitError,
    EmulatorFailedError,
)
from edgekit.search.build import LIBRARY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from edgekit.devices.device import Completed, Device
    from edgekit.search.build import Batch
    from edgekit.search.machine import Machine
    from edgekit.target import Target

    Progress = Callable[[str, float | None], None]

Samples = tuple[tuple[int, ...], ...]  # [candidate][run]: nanoseconds or instructions

_GONE = 90  # what the script ends with where the folder vanished, as in a reboot, or the disk is full
# A batch in one go: unpack it, compare every candidate's output, then time every one, turn by turn.
_SCRIPT = f"""
cd "$1" || exit {_GONE}
tar xf - || exit {_GONE}
: > outputs
n=0; while [ $n -lt "$2" ]; do cat expected >> outputs || exit {_GONE}; n=$((n + 1)); done
./{RUNNER_NAME} check ./{LIBRARY_NAME} inputs outputs || exit $?
exec ./{RUNNER_NAME} profile ./{LIBRARY_NAME} inputs --warmup "$3" --runs "$4"
"""
_KILLED = {128 + number for number in (1, 2, 9, 15)}  # by somebody: the same batch may well run another time
_WARMUP = 2
_TIMEOUT_SECONDS = 600.0
_LONGEST_PAUSE_SECONDS = 30.0


class CandidateDiffersError(Exception):
    """A candidate's output is not the canonical kernel's: a bug in EdgeKit, never the user's fault."""

    def __init__(self, candidate: int, where: str) -> None:
        super().__init__(f"candidate {candidate} differs from the canonical kernel on {where}")
        self.candidate = candidate  # its place in the batch: outputs are in that order, steps need not be


class BatchRunner(Protocol):
    """What measures batches."""

    @property
    def machine(self) -> Machine:
        """What it measures on."""
        ...

    @property
    def wants_quiet(self) -> bool:
        """Whether building on this machine at the same time would disturb it."""
        ...

    def measure(self, batch: Batch, runs: int) -> Samples:
        """The score of every candidate, `runs` times.

        Raises:
            CandidateDiffersError: one of them is wrong.
            EdgeKitError: the device stays away, or the runner fails every time.
        """
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait for a device that went away, and how often to try a batch that was killed."""

    away_seconds: float = 900.0
    first_pause_seconds: float = 1.0
    attempts: int = 5


class DeviceRunner:
    """A device with one open connection. Use it in `with`.

    When the link drops or the board reboots it connects anew, with growing pauses, and sends the batch again.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractContextManager[Device]],
        runner: bytes,
        machine: Callable[[Device], Machine],
        *,
        wants_quiet: bool,
        progress: Progress,
        patience: Patience | None = None,
    ) -> None:
        self._connect, self._runner, self._progress = connect, runner, progress
        self._patience = patience or Patience()
        self._session = ExitStack()
        self._open: tuple[Device, str] | None = None
        self._wants_quiet = wants_quiet
        # The first time, a device that cannot be reached is the user's to know at once.
        device, _ = self._connected()
        try:
            self._machine = machine(device)
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    @property
    def machine(self) -> Machine:
        """What it measures on."""
        return self._machine

    @property
    def wants_quiet(self) -> bool:
        """Whether building on this machine at the same time would disturb it."""
        return self._wants_quiet

    def measure(self, batch: Batch, runs: int) -> Samples:
        """The nanoseconds of every candidate; see `BatchRunner`."""
        deadline: float | None = None
        pause, attempts = self._patience.first_pause_seconds, 0
        while True:
            try:
                return self._measure(batch, runs)
            except (ConnectionLostError, DeviceUnreachableError, CommandTimedOutError, _GoneError) as error:
                self._close()
                now = time.monotonic()
                deadline = deadline or now + self._patience.away_seconds
                if now + pause > deadline:
                    if isinstance(error, _GoneError):
                        raise error.cause from error
                    raise
                self._progress(f"the device is away; trying again in {pause:g} s ({_what(error)})", None)
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            except _KilledError as error:
                attempts += 1
                if attempts == self._patience.attempts:
                    raise error.cause from error
                self._progress("the runner was killed on the device; trying again", None)

    def _measure(self, batch: Batch, runs: int) -> Samples:
        device, folder = self._connected()
        done = device.run(
            *("sh", "-c", _SCRIPT, "sh", folder, str(batch.steps), str(_WARMUP), str(runs)),
            stdin=_archive(batch),
            timeout_seconds=_TIMEOUT_SECONDS,
        )
        documents = _documents(done)
        if done.exit_code == RunnerExit.DIFFERS:
            raise CandidateDiffersError(documents[0]["first_difference"]["output"], device.name)
        if done.exit_code in _KILLED:
            raise _KilledError(runner_failure(done, device.name))
        if done.exit_code == _GONE:
            raise _GoneError(runner_failure(done, device.name))
        if done.exit_code != RunnerExit.DONE or len(documents) != 2:
            raise runner_failure(done, device.name)
        return batch.by_candidate([tuple(step["ns"]) for step in documents[1]["steps"]])

    def _connected(self) -> tuple[Device, str]:
        if self._open is None:
            with ExitStack() as opening:
                device = opening.enter_context(self._connect())
                folder = opening.enter_context(workspace(device))
                with tempfile.TemporaryDirectory(prefix="edgekit-") as here:
                    local = Path(here) / RUNNER_NAME
                    local.write_bytes(self._runner)
                    device.put(local, f"{folder}/{RUNNER_NAME}", mode=0o755)
                self._session = opening.pop_all()
            self._open = device, folder
        return self._open

    def _close(self) -> None:
        self._open = None
        self._session.close()


class EmulatedRunner:
    """Executed instructions under QEMU on this machine: exact, so one run is enough. Never a latency."""

    def __init__(self, target: Target, runner: bytes, machine: Machine, progress: Progress) -> None:
        self._target, self._runner, self.machine, self._progress = target, runner, machine, progress

    wants_quiet = False

    def measure(self, batch: Batch, runs: int) -> Samples:  # noqa: ARG002
        """The instructions of every candidate; see `BatchRunner`."""
        with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
            directory = Path(folder)
            files = {
                RUNNER_NAME: self._runner,
                LIBRARY_NAME: batch.program,
                "inputs": batch.inputs,
                "outputs": batch.expected * batch.steps,
            }
            for name, content in files.items():
                (directory / name).write_bytes(content)
            (directory / RUNNER_NAME).chmod(0o755)
            runner, library, inputs, outputs = (directory / name for name in files)
            self._check([runner, "check", library, inputs, outputs])
            counts = count_instructions(
                [runner, "count", library, inputs, "--runs", "1"],
                self._target,
                progress=lambda _stage, _share: None,
            )
        *_, last = counts.per_step(batch.steps)
        return batch.by_candidate([(count,) for count in last])

    def _check(self, argv: list[str | Path]) -> None:
        done = run_program(argv, self._target, progress=self._progress)
        if done.returncode == RunnerExit.DIFFERS:
            first = json.loads(done.stdout)["first_difference"]
            raise CandidateDiffersError(first["output"], f"QEMU's {self._target.emulated_cpu}")
        if done.returncode != RunnerExit.DONE:
            raise EmulatorFailedError(
                f"A candidate failed under QEMU's {self._target.emulated_cpu}.",
                why=f"It ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()}",
                fix="Please report it with the model: it is a bug in EdgeKit or in QEMU.",
            )


class _KilledError(Exception):
    """Somebody killed the runner."""

    def __init__(self, cause: EdgeKitError) -> None:
        super().__init__(cause.what)
        self.cause = cause


class _GoneError(_KilledError):
    """The folder on the device cannot be used: after a reboot there is none."""


def _what(error: Exception) -> str:
    return error.what if isinstance(error, EdgeKitError) else str(error)


def _archive(batch: Batch) -> bytes:
    """The files of a batch as a tar archive, which every board's shell can unpack."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        files = {LIBRARY_NAME: batch.program, "inputs": batch.inputs, "expected": batch.expected}
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _documents(done: Completed) -> list[dict[str, Any]]:
    """The JSON documents that the runner printed, one after the other; fewer where it was cut short."""
    text, found = done.stdout.decode(errors="replace").lstrip(), []
    while text:
        try:
            document, end = json.JSONDecoder().raw_decode(text)
        except json.JSONDecodeError:
            break
        found.append(document)
        text = text[end:].lstrip()
    return found

"""Running a model's image on frames: what it answers, what memory it used, what it executed."""

from __future__ import annotations

import dataclasses
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.devices.emulated.microcontroller.description import parse_description
from edgekit.devices.emulated.microcontroller.execute import Emulator
from edgekit.errors import EmulatorFailedError, RunnerFailedError

if TYPE_CHECKING:
    from edgekit.devices.emulated.microcontroller.execute import Executed, Executor
    from edgekit.devices.runner import ModelDescription
    from edgekit.target import Target

# The files of runtime/firmware/main.c.
_REQUEST, _INPUTS, _OUTPUTS = "edgekit-request", "edgekit-inputs", "edgekit-outputs"
_STEPS, _DESCRIPTION, _ANSWER = "edgekit-steps", "edgekit-description", "edgekit-answer"
_NO_FRAME = 0xFFFF_FFFF
_ANSWER_FORM = "<6I"
_ANSWER_VERSION = 1
_REHEARSALS = 2  # invocations before the frames, to see what memory is used


@dataclasses.dataclass(frozen=True, kw_only=True)
class MemoryUse:
    """What one invocation touched, in bytes from the start of each memory to the last that was written."""

    arena_bytes: int
    state_bytes: int
    stack_bytes: int  # below the frame of the function that calls the model


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageRun:
    """Frames that ran to their end."""

    frames: int
    outputs: bytes  # of every frame, every output in order
    steps: bytes  # every output of every step of the frames asked for
    description: ModelDescription
    memory: MemoryUse
    steps_executed: tuple[tuple[int, ...], ...]  # instructions, [frame][step]; no frames if not counted
    executed: tuple[int, ...]  # instructions of whole invocations, [frame]
    emulator: str


def run_image(
    image: Path,
    target: Target,
    inputs: bytes,
    frames: int,
    *,
    steps_from: int | None = None,
    count: bool = False,
    timeout_seconds: float = 300.0,
    executor: Executor | None = None,
) -> ImageRun:
    """Run frames in sequence on a microcontroller, from fresh state.

    Args:
        image: an ELF file of a model, made for that target.
        target: what the model was built for.
        inputs: every input of every frame, in order.
        frames: their number, 1 or more.
        steps_from: the first frame whose steps' outputs are wanted, to the last one; none by default.
        count: the instructions too; not in a run that writes steps' outputs, which takes some.
        timeout_seconds: for all of it.
        executor: what runs it; by default the machine that stands in for the target.

    Raises:
        RunnerFailedError: the model crashed, overran its memory or its stack, or reads what it never wrote.
        ToolMissingError: QEMU, or what drives the probe, is not installed.
        ProbeMissingError, ProbeFailedError: no probe is there, or it cannot work on the board.
        CommandTimedOutError: it did not end in time.
    """
    executor = executor or Emulator(target)
    assert not (count and steps_from is not None), "writing steps' outputs would be counted"
    with tempfile.TemporaryDirectory(prefix="edgekit-image-") as scratch:
        folder = Path(scratch)
        (folder / _REQUEST).write_bytes(
            struct.pack("<2I", frames, _NO_FRAME if steps_from is None else steps_from)
        )
        (folder / _INPUTS).write_bytes(inputs)
        done = executor.execute(image, folder, count=count, timeout_seconds=timeout_seconds)
        _check(done, executor.name)
        version, ran, arena, state, stack, repeats = struct.unpack(
            _ANSWER_FORM, (folder / _ANSWER).read_bytes()
        )
        assert version == _ANSWER_VERSION, version
        if not repeats:
            raise RunnerFailedError(
                f"The model answers by what its memory held before, on the {executor.name}.",
                why="With another byte all over the arena, the same inputs gave other outputs.",
                fix="Please report this with the model; it is a bug in EdgeKit.",
            )
        description = parse_description((folder / _DESCRIPTION).read_bytes())
        per_frame = _per_frame(done, len(description.operators), frames) if count else ()
        return ImageRun(
            frames=ran,
            outputs=(folder / _OUTPUTS).read_bytes(),
            steps=(folder / _STEPS).read_bytes() if steps_from is not None else b"",
            description=description,
            memory=MemoryUse(arena_bytes=arena, state_bytes=state, stack_bytes=stack),
            steps_executed=tuple(counts[1:-1] for counts in per_frame),
            executed=tuple(sum(counts) for counts in per_frame),
            emulator=done.emulator,
        )


def _check(done: Executed, name: str) -> None:
    if done.exit_code == 0:
        return
    raise RunnerFailedError(
        f"The model failed on the {name}.",
        why=f"{done.printed.strip() or 'It printed nothing.'} (exit code {done.exit_code})",
        fix="Please report this with the model; it is a bug in EdgeKit.",
    )


def _per_frame(done: Executed, steps: int, frames: int) -> tuple[tuple[int, ...], ...]:
    """The counts of each frame: before the first step, of each step, after the last.

    A mark comes before an invocation, before each step, after the last, and after the invocation; what is
    counted from an invocation's last mark to the next one's first is main.c's.
    """
    marks = steps + 3
    if len(done.intervals) + 1 != marks * (frames + _REHEARSALS):
        raise EmulatorFailedError(
            f"The image made {len(done.intervals) + 1} marks, and {frames} frames of {steps} steps were run.",
            why="The model marks before each step and after the last, or should.",
            fix="See that its sources are of one build.",
        )
    starts = range(_REHEARSALS * marks, (frames + _REHEARSALS) * marks, marks)
    return tuple(done.intervals[start : start + marks - 1] for start in starts)

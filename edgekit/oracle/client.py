"""The reference interpreter's answers, from a worker process that is started on first use."""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.metadata
import importlib.util
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import edgekit
from edgekit.errors import OracleCannotRunError, OracleMissingError
from edgekit.oracle.flatbuffer import Layout, read_layout
from edgekit.oracle.messages import Arrays, read_message, write_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.oracle.edges import Form

    Frame = tuple[NDArray[Any], ...]

# The interpreter crashes when its arena is too small, and touches only what it needs of a large one.
_SPARE_ARENA_BYTES = 64 << 20


def oracle_available() -> bool:
    """Whether the reference interpreter is installed here. It exists for x86-64 Linux only."""
    return importlib.util.find_spec("tflite_micro") is not None


def oracle_version() -> str:
    """The interpreter's name and version, as a bundle records it: "tflite-micro 0.dev2026…".

    Raises:
        OracleMissingError: it is not installed.
    """
    _require()
    return f"tflite-micro {importlib.metadata.version('tflite_micro')}"


def run_oracle(
    flatbuffer: bytes, frames: Sequence[Frame], output_types: Sequence[str] | None = None
) -> list[Frame]:
    """Outputs of a model for a sequence of frames, as the reference interpreter computes them.

    A frame is one array an input, of the input's exact shape and type (int8 as it is, nothing is
    scaled); integers for a float input that is quantized first stand for floats. State starts fresh and is
    carried from frame to frame. `output_types` ask for integers where a float output is made of some.

    Raises:
        OracleMissingError: the interpreter is not installed.
        OracleCannotRunError: it refuses the model or a frame, or crashes on them.
    """
    layout = read_layout(flatbuffer)
    results = _interpret(flatbuffer, layout, frames)
    return [
        tuple(
            _as_type(
                results[f"output/{frame}/{i}"],
                layout.forms.get(index),
                None if output_types is None else output_types[i],
            )
            for i, index in enumerate(layout.outputs)
        )
        for frame in range(len(frames))
    ]


def _as_type(answer: NDArray[Any], form: Form | None, dtype: str | None) -> NDArray[Any]:
    """An answer in integers, where that is asked for and they are what it was made of."""
    if form is None or dtype is None or answer.dtype.kind != "f" or dtype == answer.dtype.name:
        return answer
    return form.integers(answer, dtype)


def oracle_intermediates(
    flatbuffer: bytes, frames: Sequence[Frame], *, last_only: bool = False
) -> list[dict[int, NDArray[Any]]]:
    """What every operator of the main subgraph wrote, by tensor index, one dictionary a frame.

    With `last_only`, all frames are run and the answer has only the last one's dictionary.

    Raises:
        OracleMissingError, OracleCannotRunError: as `run_oracle`.
    """
    layout = read_layout(flatbuffer)
    written = {index for outputs in layout.operator_outputs for index in outputs}
    looking = tuple(sorted(written & layout.readable))
    first = len(frames) - 1 if last_only else 0
    results = _interpret(flatbuffer, layout, frames, looking, first)
    return [
        {index: results[f"tensor/{frame}/{index}"] for index in looking}
        for frame in range(first, len(frames))
    ]


def operator_outputs(flatbuffer: bytes) -> dict[int, dict[str, int]]:
    """For every operator of the main subgraph: the tensors it writes, by name, as their indices.

    Raises:
        OracleCannotRunError: the file is not a model.
    """
    layout = read_layout(flatbuffer)
    return {
        operator: {layout.names[index]: index for index in outputs}
        for operator, outputs in enumerate(layout.operator_outputs)
    }


def _require() -> None:
    if not oracle_available():
        raise OracleMissingError(
            "The reference interpreter is not installed.",
            why="The Python package 'tflite-micro' is missing; it exists for x86-64 Linux only.",
            fix="pip install tflite-micro, on an x86-64 Linux machine.",
        )


def _interpret(
    flatbuffer: bytes,
    layout: Layout,
    frames: Sequence[Frame],
    looking: tuple[int, ...] = (),
    look_from: int = 0,
) -> Arrays:
    import numpy as np

    _require()
    header = {
        "arena_bytes": _SPARE_ARENA_BYTES + 2 * layout.tensor_bytes,
        "frames": len(frames),
        "inputs": len(layout.inputs),
        "outputs": len(layout.outputs),
        "tensors": looking,
        "look_from": look_from,
    }
    arrays: Arrays = {"model": np.frombuffer(flatbuffer, np.uint8)}
    for number, frame in enumerate(frames):
        if len(frame) != len(layout.inputs):
            raise _cannot_run(f"It takes {len(layout.inputs)} inputs, frame {number} has {len(frame)}.")
        for i, (index, array) in enumerate(zip(layout.inputs, frame, strict=True)):
            form = layout.forms.get(index)
            is_float = form is None or array.dtype.kind == "f"
            arrays[f"input/{number}/{i}"] = array if is_float or form is None else form.floats(array)
    return _worker().ask(header, arrays)


def _cannot_run(why: str) -> OracleCannotRunError:
    return OracleCannotRunError(
        "The reference interpreter cannot run the model.",
        why=why,
        fix="Check the model's operators with `edgekit inspect`; without the reference interpreter's "
        "answers, outputs cannot be verified.",
    )


class _Worker:
    """One worker process; started again after a crash. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._messages: IO[bytes] | None = None

    def ask(self, header: dict[str, Any], arrays: Arrays) -> Arrays:
        """Send one job and wait for its answer."""
        with self._lock:
            process, messages = self._running()
            spoken = messages.seek(0, 2)  # what earlier jobs made it say is not about this one
            try:
                write_message(cast("Any", process.stdin), header, arrays)
                answer = read_message(cast("Any", process.stdout))
            except BrokenPipeError:
                answer = None
            if answer is None:
                self._stop()
            messages.seek(spoken)
            said = messages.read().decode(errors="replace").strip()
            if answer is None:
                messages.close()
                raise _cannot_run(f"It crashed. Its last words: {said or '(none)'}")
        if answer[0]["error"] is not None:
            raise _cannot_run(" ".join([answer[0]["error"], said]).strip())
        return answer[1]

    def close(self) -> None:
        """End the process; the next job starts another."""
        with self._lock:
            self._stop()
            if self._messages is not None:
                self._messages.close()

    def _running(self) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
        if self._process is None or self._messages is None:
            # It lives as long as the process does.
            self._messages = tempfile.TemporaryFile(prefix="edgekit-oracle-")  # noqa: SIM115
            self._process = subprocess.Popen(
                [sys.executable, "-m", "edgekit.oracle.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._messages,
                # The worker must find this very package, wherever it was imported from.
                cwd=Path(edgekit.__path__[0]).parent,
            )
        return self._process, self._messages

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        process.wait()


@functools.cache
def _worker() -> _Worker:
    worker = _Worker()
    atexit.register(worker.close)
    return worker

#!/usr/bin/env python3
"""edgekit-runner for LiteRT: the same commands, answers and exit codes, with LiteRT in the engine's place.

One file; it needs numpy and ai-edge-litert (or tflite-runtime) on the device, nothing of EdgeKit:

    litert_runner.py describe MODEL
    litert_runner.py check    MODEL INPUTS OUTPUTS
    litert_runner.py run      MODEL INPUTS OUTPUTS
    litert_runner.py profile  MODEL INPUTS [--warmup W] [--settle S] [--runs N]
    litert_runner.py count    MODEL INPUTS [--runs N]

all with [--threads T], 0: one for each core. INPUTS and OUTPUTS hold raw little-endian bytes: for every
frame, every tensor in order; state is carried. Answers are JSON on stdout, messages go to stderr. Exit
codes: 0 done, 1 failed, 2 wrong usage, 3 outputs differ by more than the tolerance, 5 model refused,
8 LiteRT is not installed, 9 XNNPACK is not in use, where times are asked for.

XNNPACK chooses kernels by CPU, so LiteRT's answers are not the same bytes everywhere: `check` holds them to
the tolerance that the manifest.json beside MODEL states, in steps of an output's scale; without one they
must be equal.

Where the Python that it is started with has no LiteRT, it goes on in $EDGEKIT_LITERT_PYTHON, or in the
virtual environment ~/.local/share/edgekit-litert. Python 3.7 and up.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DONE, FAILED, USAGE, DIFFERS, REFUSED, RUNTIME_MISSING, NO_DELEGATE = 0, 1, 2, 3, 5, 8, 9

MANIFEST = "manifest.json"  # of the bundle, beside the model
PACKAGES = ("ai_edge_litert", "tflite_runtime")
VENV = "~/.local/share/edgekit-litert"
INSTALL = f"python3 -m venv {VENV} && {VENV}/bin/pip install ai-edge-litert"
_SEARCHED = "EDGEKIT_LITERT_SEARCHED"


class RunnerError(Exception):
    """What ends the program, with its exit code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class LiteRt:
    """A model in LiteRT's interpreter with its default delegate, XNNPACK."""

    def __init__(self, path: str, threads: int) -> None:
        """Load a model, to be run by so many threads; 0: one for each core.

        Raises RunnerError if LiteRT is not installed here, or refuses the model.
        """
        self.threads = threads or os.cpu_count() or 1
        module, self.version = load_module()  # first: this Python may have no numpy either
        import numpy as np

        try:
            self.content = Path(path).read_bytes()
            self._interpreter = module.Interpreter(model_content=self.content, num_threads=self.threads)
            self._interpreter.allocate_tensors()
        except (OSError, ValueError, RuntimeError) as error:
            raise RunnerError(REFUSED, f"LiteRT refuses {path}: {error}") from error
        self.inputs = self._interpreter.get_input_details()
        self.outputs = self._interpreter.get_output_details()
        self._sizes = [int(np.prod(d["shape"])) * np.dtype(d["dtype"]).itemsize for d in self.inputs]

    @property
    def uses_xnnpack(self) -> bool:
        """Whether XNNPACK took any part of the network over: it stays away without a word where it cannot."""
        operators = self._interpreter._get_ops_details()
        return any(operator["op_name"] == "DELEGATE" for operator in operators)

    def require_xnnpack(self) -> None:
        """Refuse to be timed without XNNPACK: that would say nothing about LiteRT at its best."""
        if not self.uses_xnnpack:
            raise RunnerError(
                NO_DELEGATE,
                "LiteRT runs this model without its XNNPACK delegate, so its times would say nothing. Either "
                "the delegate takes none of the model's operators, or it does not know this CPU (it reads "
                "/sys/devices/system/cpu/possible and present).",
            )

    def feed(self, frame: bytes) -> None:
        """Set all inputs from one frame's bytes."""
        tensors = [(detail["shape"], detail["dtype"]) for detail in self.inputs]
        for detail, array in zip(self.inputs, split_frame(frame, tensors)):  # noqa: B905  # `strict` came with Python 3.10
            self._interpreter.set_tensor(detail["index"], array)

    def invoke(self) -> None:
        """Run the network once on the inputs it was fed."""
        self._interpreter.invoke()

    @property
    def bare_invoke(self) -> Callable[[], None]:
        """The same without what LiteRT's Python wraps around it, which is none of the engine's work."""
        invoke: Callable[[], None] = self._interpreter._interpreter.Invoke
        return invoke

    def answers(self) -> list[Any]:
        """The outputs of the last run, one array each."""
        return [self._interpreter.get_tensor(detail["index"]) for detail in self.outputs]

    def frames(self, path: str) -> Iterator[bytes]:
        """The frames of a file. Raises RunnerError if it does not hold whole ones."""
        size = sum(self._sizes)
        content = read(path)
        if size == 0 or not content or len(content) % size:
            held = f"{path} holds {len(content)} bytes, no whole number of frames of {size}"
            raise RunnerError(USAGE, held)
        return (content[start : start + size] for start in range(0, len(content), size))

    def step(self, output: int) -> float:
        """One quantization step of an output: its scale, or that of the integers it is made of."""
        detail = self.outputs[output]
        scale = float(detail["quantization"][0])
        if scale:
            return 1.0  # the tensor holds the integers themselves
        tensors = {tensor["index"]: tensor for tensor in self._interpreter.get_tensor_details()}
        for operator in self._interpreter._get_ops_details():
            if operator["op_name"] == "DEQUANTIZE" and detail["index"] in operator["outputs"]:
                return float(tensors[int(operator["inputs"][0])]["quantization"][0])
        return 0.0

    def runtime(self) -> dict[str, Any]:
        """What answers and times come from."""
        return {
            "name": self.version,
            "delegate": "XNNPACK" if self.uses_xnnpack else None,
            "threads": self.threads,
        }


def load_module() -> tuple[Any, str]:
    """LiteRT's interpreter module and its version; starts again in another Python if this one has none."""
    import importlib

    for package in PACKAGES:
        try:
            module = importlib.import_module(package + ".interpreter")
        except ImportError:
            continue
        name = package.replace("_", "-")
        return module, f"{name} {_version(name)}"
    _go_on_elsewhere()
    return None


def _version(package: str) -> str:
    try:
        from importlib.metadata import version
    except ImportError:  # Python 3.7
        return "of unknown version"
    return version(package)


def _go_on_elsewhere() -> NoReturn:
    named = os.environ.get("EDGEKIT_LITERT_PYTHON")
    python = Path(named) if named else Path(VENV).expanduser() / "bin" / "python"
    is_program = python.is_file() and os.access(str(python), os.X_OK)
    if _SEARCHED not in os.environ and is_program:
        os.environ[_SEARCHED] = "1"
        os.execv(python, [str(python), *sys.argv])
    searched = f"{sys.executable}" if is_program else f"{sys.executable} (and there is no {python})"
    raise RunnerError(
        RUNTIME_MISSING,
        f"No LiteRT here: {searched} has neither ai-edge-litert nor tflite-runtime. Install it: {INSTALL}",
    )


# ------------------------------------------------------------------------------------ the commands


def describe(model: LiteRt, given: argparse.Namespace) -> int:
    """What the model takes and gives; memory is LiteRT's own affair and not told."""
    return emit(
        {
            "abi_version": None,
            "name": Path(given.model).name,
            "digest": hashlib.sha256(model.content).hexdigest(),
            "target": "",
            "arena_bytes": None,
            "arena_alignment": None,
            "state_bytes": None,
            "inputs": [_tensor(detail) for detail in model.inputs],
            "outputs": [_tensor(detail) for detail in model.outputs],
            "operators": [],
            "runtime": model.runtime(),
        }
    )


def check(model: LiteRt, given: argparse.Namespace) -> int:
    """Compare all outputs with expected ones, by values: how many differ, and by how many steps at most."""
    import numpy as np

    expected, start, frames, differing, largest, first = read(given.outputs), 0, 0, 0, 0.0, None
    for number, frame in enumerate(model.frames(given.inputs)):
        model.feed(frame)
        model.invoke()
        frames += 1
        for output, actual in enumerate(model.answers()):
            flat = np.ascontiguousarray(actual).reshape(-1)
            if start + flat.nbytes > len(expected):
                raise RunnerError(USAGE, f"{given.outputs} ends in frame {number}")
            kind = flat.dtype.newbyteorder("<")
            wanted = np.frombuffer(expected, kind, flat.size, start).astype(flat.dtype)
            start += flat.nbytes
            places = np.flatnonzero(wanted.view(np.uint8) != flat.view(np.uint8)) // flat.itemsize
            places = np.unique(places)
            differing += int(places.size)
            largest = max(largest, _steps(wanted[places], flat[places], model.step(output)))
            if first is None and places.size:
                at = int(places[0])
                first = {"frame": number, "output": output, "element": at}
                first.update(expected=_number(wanted[at]), actual=_number(flat[at]))
    if start != len(expected):
        raise RunnerError(USAGE, f"{given.outputs} holds more frames than {given.inputs}")
    tolerance = _tolerance(Path(given.model).with_name(MANIFEST))
    emit(
        {
            "frames": frames,
            "equal": differing == 0,
            "first_difference": first,
            "differing_elements": differing,
            "largest_steps": None if largest == float("inf") else largest,
            "tolerance_steps": tolerance,
            "runtime": model.runtime(),
        }
    )
    return DONE if largest <= tolerance else DIFFERS


def run(model: LiteRt, given: argparse.Namespace) -> int:
    """Run all frames and write their outputs."""
    frames = 0
    try:
        with Path(given.outputs).open("wb") as file:
            for frame in model.frames(given.inputs):
                model.feed(frame)
                model.invoke()
                frames += 1
                file.writelines(_little_endian(array) for array in model.answers())
    except OSError as error:
        raise RunnerError(FAILED, f"cannot write {given.outputs}: {error}") from error
    return emit({"frames": frames, "runtime": model.runtime()})


def profile(model: LiteRt, given: argparse.Namespace) -> int:
    """Time whole invocations of the first frame. LiteRT's interpreter tells no operator's time."""
    model.require_xnnpack()
    frame = next(model.frames(given.inputs))

    def once() -> int:
        model.feed(frame)
        start = time.perf_counter_ns()
        model.invoke()
        return time.perf_counter_ns() - start

    warm: list[int] = []
    end = time.perf_counter() + given.settle
    while len(warm) < given.warmup or not (_is_steady(warm) or time.perf_counter() >= end):
        warm.append(once())
    return emit(
        {
            "runs": given.runs,
            "warm_up_runs": len(warm),
            "is_steady": _is_steady(warm),
            "total_ns": [once() for _ in range(given.runs)],
            "steps": [],
            "runtime": model.runtime(),
        }
    )


def count(model: LiteRt, given: argparse.Namespace) -> int:
    """Invoke the first frame as often as asked, for an emulator that counts instructions.

    Before each invocation, and after the last, a system call is made that LiteRT has no use for: getppid.
    As many calls of nothing follow, which show what the loop and the marks cost.
    """
    model.require_xnnpack()
    model.feed(next(model.frames(given.inputs)))
    mark, nothing = os.getppid, ().__len__
    for call in [model.bare_invoke] * given.runs + [nothing] * given.runs:
        mark()
        call()
    mark()
    return emit({"runs": given.runs, "steps": 0, "runtime": model.runtime()})


# --------------------------------------------------------------------------------------- the rest


def emit(document: dict[str, Any]) -> int:
    """Print the answer."""
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()
    return DONE


def read(path: str) -> bytes:
    """A file's content. Raises RunnerError if it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise RunnerError(USAGE, f"cannot read {path}: {error}") from error


def split_frame(frame: bytes, tensors: list[tuple[Any, Any]]) -> list[Any]:
    """The arrays in one frame's bytes; `tensors` gives each one's shape and type."""
    import numpy as np

    arrays, start = [], 0
    for shape, dtype in tensors:
        kind = np.dtype(dtype).newbyteorder("<")
        flat = np.frombuffer(frame, kind, int(np.prod(shape)), start)
        arrays.append(flat.astype(dtype).reshape(shape))
        start += flat.nbytes
    return arrays


def _tensor(detail: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    shape, kind = [int(size) for size in detail["shape"]], np.dtype(detail["dtype"])
    scale, zero_point = detail["quantization"]
    return {
        "name": detail["name"],
        "dtype": kind.name,
        "shape": shape,
        "bytes": int(np.prod(shape)) * kind.itemsize,
        "arena_offset": None,
        "scale": float(scale),
        "zero_point": int(zero_point),
    }


def _tolerance(manifest: Path) -> float:
    if not manifest.exists():
        return 0.0
    try:
        return float(json.loads(manifest.read_bytes())["golden"]["tolerance_steps"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunnerError(USAGE, f"cannot read the tolerance in {manifest}: {error!r}") from error


def _is_steady(times: list[int]) -> bool:
    """The rule of edgekit/measurement/warm_up.py, here because this file goes to devices alone."""
    if len(times) < 10:
        return False
    before, now = statistics.median(times[-10:-5]), statistics.median(times[-5:])
    return abs(now - before) <= 0.03 * before


def _little_endian(array: Any) -> bytes:
    return bytes(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())


def _steps(wanted: Any, actual: Any, step: float) -> float:
    """The largest distance in steps; infinite where it is no number, or an output has no step."""
    import numpy as np

    if not wanted.size:
        return 0.0
    distance = float(np.max(np.abs(wanted.astype(np.float64) - actual.astype(np.float64))))
    return distance / step if step and np.isfinite(distance) else float("inf")


def _number(value: Any) -> Any:
    import numpy as np

    return value.item() if np.isfinite(value) else str(value)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="litert_runner.py")
    commands = parser.add_subparsers(dest="command", required=True)
    for function, files in (
        (describe, ()),
        (check, ("inputs", "outputs")),
        (run, ("inputs", "outputs")),
        (profile, ("inputs",)),
        (count, ("inputs",)),
    ):
        command = commands.add_parser(function.__name__)
        command.set_defaults(function=function)
        for name in ("model", *files):
            command.add_argument(name)
        command.add_argument("--threads", type=int, default=1)
        command.add_argument("--warmup", type=int, default=3)
        command.add_argument("--settle", type=int, default=0)
        command.add_argument("--runs", type=int, default=10)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = _parse(arguments)
    try:
        return int(given.function(LiteRt(given.model, given.threads), given))
    except RunnerError as error:
        sys.stderr.write(f"litert_runner: {error}\n")
        return error.code


if __name__ == "__main__":
    sys.exit(main())

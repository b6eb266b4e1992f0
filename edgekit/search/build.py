"""Building candidates, in any process: programs whose steps they are, and the bytes that all must give."""

from __future__ import annotations

import dataclasses
import importlib
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING, NoReturn, TypeVar

from edgekit.errors import ExecutorUnusableError, nearest
from edgekit.target import TargetKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.synchronize import Event

    from edgekit.artifacts import QuantizedModel, Step, TunedModule
    from edgekit.schedule.tasks import Item
    from edgekit.target import Target

Sample = TypeVar("Sample")

LIBRARY_NAME = "libcandidates.so"
_GRACE_SECONDS = 1.0  # for a process that builds to leave in good order


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """Candidates to build into one program. `expected` is what an earlier batch of the task gave."""

    items: tuple[Item, ...]  # all of one task
    target: Target
    expected: bytes | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """A program with one step per candidate, an input, and the output that every candidate must give."""

    program: bytes  # a library; for a microcontroller, the image of its emulated core
    inputs: bytes
    expected: bytes
    order: tuple[int, ...]  # the candidate that each step is: they may run in another order than given

    @property
    def steps(self) -> int:
        """How many candidates there are."""
        return len(self.order)

    def by_candidate(self, samples: Sequence[Sample]) -> tuple[Sample, ...]:
        """What was measured of each step, in the order that the candidates were given."""
        return tuple(sample for _, sample in sorted(zip(self.order, samples, strict=True), key=itemgetter(0)))


def build_batch(request: Request) -> Batch:
    """Build candidates. Top-level and of plain values, so that any executor can take it elsewhere.

    Raises:
        ToolMissingError: the C compiler is not installed where this runs.
        EmulatorFailedError: an image is too large for the emulated core's memory.
    """
    from edgekit.devices.frames import pack_frames
    from edgekit.schedule.tasks import batch, canonical_output, random_inputs

    task, _ = request.items[0]
    model, tuned = batch(request.items, request.target)
    program, steps = _program(model, tuned)
    inputs = random_inputs(request.items)
    return Batch(
        program=program,
        inputs=pack_frames([array[None] for array in inputs]),
        expected=canonical_output(task) if request.expected is None else request.expected,
        order=tuple(step.operator for step in steps),
    )


def _program(model: QuantizedModel, tuned: TunedModule) -> tuple[bytes, tuple[Step, ...]]:
    """What runs candidates on a target, and its steps in the order that they run in."""
    from edgekit.codegen import generate
    from edgekit.search.firmware import candidates_image

    if tuned.target.kind is TargetKind.MICROCONTROLLER:
        return candidates_image(model, tuned)
    code = generate(model, tuned)
    return code.files[LIBRARY_NAME], code.steps


# ------------------------------------------------------------------------------------- executors


@contextmanager
def executor(where: str | None) -> Iterator[Executor]:
    """What builds candidates: a process per core, or what the user names.

    Args:
        where: None; "module:factory", a function that returns a `concurrent.futures.Executor`; or the
            address of a Dask scheduler ("tcp://host:8786").

    Raises:
        ExecutorUnusableError: there is no such module, function or scheduler, or it gives no executor.
    """
    if where is None:
        with _processes() as pool:
            yield pool
    elif "://" in where:
        with _dask(where) as pool:
            yield pool
    else:
        with _from_factory(where) as pool:
            yield pool


@contextmanager
def _processes() -> Iterator[Executor]:
    """A process per core. If the work is broken off, they leave theirs at once."""
    context = multiprocessing.get_context("spawn")  # not forked: LLVM's threads would not survive it
    stop = context.Event()
    pool = ProcessPoolExecutor(os.cpu_count() or 1, context, initializer=_prepare, initargs=(stop,))
    try:
        yield pool
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare(stop: Event) -> None:
    """In a process that builds. Ctrl-C reaches all of a terminal's; the one that asked decides."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_leave_when_told, args=(stop,), daemon=True).start()


def _leave(_number: int, _frame: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: folders are being removed
    raise SystemExit


def _leave_when_told(stop: Event) -> None:
    stop.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)  # Python hears of it when LLVM returns, if ever
    os._exit(1)


@contextmanager
def _dask(address: str) -> Iterator[Executor]:
    try:
        distributed = importlib.import_module("distributed")
    except ImportError as error:
        raise _unusable(address, f"{error}.", "pip install 'dask[distributed]'") from error
    try:
        client = distributed.Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise _unusable(
            address, f"No scheduler answers: {error}.", "Check its address and that it runs."
        ) from error
    with client:
        yield client.get_executor()


@contextmanager
def _from_factory(where: str) -> Iterator[Executor]:
    module_name, _, factory = where.partition(":")
    form = "Write MODULE:FUNCTION, of a module that Python can import here, or tcp://HOST:PORT for Dask."
    try:
        module = importlib.import_module(module_name)
    except (ImportError, ValueError) as error:
        raise _unusable(where, f"{error}.", form) from error
    if not hasattr(module, factory):
        raise _unusable(where, f"{module_name} has no {factory!r}.", nearest(factory, dir(module), form))
    try:
        pool = getattr(module, factory)()
    except (TypeError, ValueError) as error:
        raise _unusable(where, f"It cannot be called without arguments: {error}.", form) from error
    if not hasattr(pool, "submit"):
        raise _unusable(
            where,
            f"It gave {type(pool).__name__}, which has no `submit`.",
            "Return a concurrent.futures.Executor.",
        )
    with pool:
        yield pool


def _unusable(where: str, why: str, fix: str) -> ExecutorUnusableError:
    return ExecutorUnusableError(f"Candidates cannot be built by {where!r}.", why=why, fix=fix)

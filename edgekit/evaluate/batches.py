"""Many samples through one or several machines: batches, each taken by the machine that is free."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Arrays = tuple[NDArray[Any], ...]
    Work = Callable[[Arrays], Arrays]  # a batch's inputs -> its outputs, samples first in both
    Progress = Callable[[str, float | None], None]

_SECONDS = 2.0  # that a batch should take: progress is seen, and little is lost on starting programs
_GROWTH = 8  # of a batch over the one before, at most
_BATCH_BYTES = 16 << 20  # of inputs, at most


def run_batches(inputs: Arrays, workers: Sequence[Work], *, stage: str, progress: Progress) -> Arrays:
    """Run all samples, and return their outputs in the samples' order, whoever ran them.

    Each worker takes the next batch as soon as it has done one, so that a slow machine holds up none.
    Samples are apart, so that neither the batches nor the workers have any part in the answers.

    Args:
        inputs: one array an input, samples first; one sample or more.
        workers: one for each machine. More than one work in threads, one each.
        stage: what progress calls this.
        progress: told the share done.

    Raises:
        Whatever a worker raises: of several, the first; the others stop after their batch.
    """
    total = len(inputs[0])
    tray = _Tray(total, lambda done: progress(stage, done / total))
    progress(stage, 0.0)
    largest = max(1, _BATCH_BYTES // max(1, sum(array[:1].nbytes for array in inputs)))

    def serve(work: Work) -> None:
        size = 1
        try:
            while (batch := tray.take(size)) is not None:
                began = time.monotonic()
                answers = work(tuple(array[batch] for array in inputs))
                took = max(time.monotonic() - began, 1e-3)
                tray.give(batch, answers)
                size = max(1, min(largest, size * _GROWTH, round(size * _SECONDS / took)))
        except BaseException:
            tray.stop()
            raise

    if len(workers) == 1:
        serve(workers[0])
    else:
        _serve_together(serve, workers, tray)
    return tray.outputs()


def _serve_together(serve: Callable[[Work], None], workers: Sequence[Work], tray: _Tray) -> None:
    with ThreadPoolExecutor(max_workers=len(workers)) as pool:
        try:
            futures = [pool.submit(serve, work) for work in workers]
            failures = [future.exception() for future in futures]
        finally:
            tray.stop()  # on Ctrl-C too
    for failure in failures:
        if failure is not None:
            raise failure


class _Tray:
    """The samples that wait, and the outputs that are done."""

    def __init__(self, total: int, done: Callable[[int], None]) -> None:
        self._lock = threading.Lock()
        self._next, self._total, self._done = 0, total, 0
        self._tell = done
        self._parts: list[tuple[int, Arrays]] = []

    def take(self, size: int) -> slice | None:
        """The next samples, or None where all are taken."""
        with self._lock:
            if self._next >= self._total:
                return None
            batch = slice(self._next, min(self._next + size, self._total))
            self._next = batch.stop
            return batch

    def give(self, batch: slice, outputs: Arrays) -> None:
        """Leave a batch's outputs."""
        with self._lock:
            self._parts.append((batch.start, outputs))
            self._done += batch.stop - batch.start
            self._tell(self._done)

    def stop(self) -> None:
        """Let nobody take any more."""
        with self._lock:
            self._next = self._total

    def outputs(self) -> Arrays:
        """All outputs, in the samples' order."""
        parts = [outputs for _, outputs in sorted(self._parts, key=lambda part: part[0])]
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))

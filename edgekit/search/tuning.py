"""The search itself: candidates of every task are proposed, built in parallel, measured in turn, and kept.

What was measured is in the store before the next batch is measured, so that it may end at any time, in any
way.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, wait
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from edgekit import __version__
from edgekit.schedule import candidates
from edgekit.schedule.cpu import cpu_class
from edgekit.schedule.template import Choice, Parameters
from edgekit.search.build import Batch, Request, build_batch
from edgekit.search.lookup import VERSIONS, least_gain, recorded_choice
from edgekit.search.measure import CandidateDiffersError
from edgekit.search.strategy import FINAL_RUNS, FIRST_RUNS, finalists, proposals
from edgekit.store import Record, Unit, fastest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Executor

    from edgekit.schedule.tasks import Task
    from edgekit.search.measure import BatchRunner, Samples
    from edgekit.store import Store
    from edgekit.target import Target

    Progress = Callable[[str, float | None], None]

_BATCH_BYTES = 32 << 20  # of outputs
_IMAGE_BYTES = 1 << 20  # of outputs and constants; packed, the latter may be larger
_BRIEF_SECONDS = 1.5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Budget:
    """When to stop: after so many candidates, or so many seconds, or when all are measured."""

    trials: int | None = None
    seconds: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskResult:
    """What is known of a task when tuning ends."""

    name: str
    macs: int
    candidates: int
    measured: int
    untuned_score: float | None  # of the choice that a build makes without records
    best_score: float | None  # of the choice that a build makes with these records
    best: str | None  # "neon_rows pixels=4"
    unit: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class TuneReport:
    """What tuning did."""

    machine: str
    source: str
    unit: str
    trials: int  # candidates measured now
    seconds: float
    is_complete: bool  # nothing is left to measure
    tasks: tuple[TaskResult, ...]

    @property
    def gain(self) -> float | None:
        """Untuned over best, of all tasks whose both scores are known, by their sums."""
        known = [
            (t.untuned_score, t.best_score)
            for t in self.tasks
            if t.untuned_score is not None and t.best_score
        ]
        return sum(before for before, _ in known) / sum(after for _, after in known) if known else None


class Tuner:
    """One run of tuning. It may be interrupted at any point: what was measured is kept."""

    def __init__(
        self,
        target: Target,
        runner: BatchRunner,
        store: Store,
        executor: Executor,
        *,
        workers: int,
        progress: Progress,
    ) -> None:
        self._target, self._cpu = target, cpu_class(target)
        self._runner, self._store, self._executor = runner, store, executor
        self._workers, self._progress = workers, progress
        self._budget = Budget()
        self._total = self._trials = 0  # candidates to measure, as far as is known, and those that were
        self._best = ""  # of the task measured last, for people
        self._began = time.monotonic()

    def run(self, tasks: Sequence[Task], budget: Budget) -> TuneReport:
        """Tune tasks, those with the most work first.

        Raises:
            CandidateDiffersError: a candidate computes something else; a bug of EdgeKit's.
            DeviceError: the device stayed away.
            ToolMissingError: candidates cannot be built.
        """
        waiting = deque(part for task in tasks for part in self._parts(task, self._missing(task)))
        self._budget = budget
        self._total = self._limited(sum(len(item.choices) for item in waiting))
        building: dict[Future[Batch], _Work] = {}
        try:
            while (waiting and not self._is_over(building)) or building:
                self._submit(waiting, building)
                for future in self._finished(building):
                    item, batch = building.pop(future), future.result()
                    self._measure(item, batch)
                    if not any(other.task is item.task for other in (*waiting, *building.values())):
                        waiting.extendleft(reversed(self._next(item, batch)))
        finally:
            for future in building:
                future.cancel()
        return self._report(tasks)

    # -------------------------------------------------------------------------------- building

    def _parts(self, task: Task, choices: Sequence[Choice], expected: bytes | None = None) -> list[_Work]:
        """Batches that fit a small board's memory; on a microcontroller, the emulated core's."""
        output_bytes = math.prod(task.writes.shape) * np.dtype(task.writes.dtype).itemsize
        if self._cpu.mcu is None:
            most = max(2, _BATCH_BYTES // output_bytes)
        else:
            constant_bytes = sum(array.nbytes for array in task.constants)
            most = max(1, _IMAGE_BYTES // (output_bytes + constant_bytes))
        return [
            _Work(task, tuple(choices[start : start + most]), expected=expected)
            for start in range(0, len(choices), most)
        ]

    def _submit(self, waiting: deque[_Work], building: dict[Future[Batch], _Work]) -> None:
        """Keep the executor busy, with one batch in reserve where that disturbs nothing."""
        most = self._workers + (0 if self._runner.wants_quiet else 1)
        if self._runner.wants_quiet and building:
            return
        while waiting and len(building) < most and not self._is_over(building):
            item = waiting.popleft()
            if self._budget.trials is not None and not item.is_final:
                left = self._budget.trials - self._trials - _first_round(building)
                item = dataclasses.replace(item, choices=item.choices[:left])
            request = Request(
                items=tuple((item.task, choice) for choice in item.choices),
                target=self._target,
                expected=item.expected,
            )
            building[self._executor.submit(build_batch, request)] = item

    def _finished(self, building: Mapping[Future[Batch], _Work]) -> list[Future[Batch]]:
        """Batches to measure now. On a machine that wants quiet, none is built meanwhile."""
        self._show()
        if self._runner.wants_quiet:
            wait(building)
            return list(building)
        return list(wait(building, return_when=FIRST_COMPLETED).done)

    def _is_over(self, building: Mapping[Future[Batch], _Work]) -> bool:
        budget = self._budget
        if budget.seconds is not None and time.monotonic() - self._began >= budget.seconds:
            return True
        return budget.trials is not None and self._trials + _first_round(building) >= budget.trials

    # ------------------------------------------------------------------------------- measuring

    def _measure(self, item: _Work, batch: Batch) -> None:
        try:
            samples = self._runner.measure(batch, FINAL_RUNS if item.is_final else FIRST_RUNS)
        except CandidateDiffersError as error:
            choice = item.choices[error.candidate]
            error.add_note(f"{item.task.name}: template {choice.template} {choice.parameters.text}")
            raise
        records = self._records(item, samples)
        self._store.add([*records, *(self._on_the_same_clock(item, records) if item.is_final else ())])
        self._best = _sentence(self._result(item.task))
        if not item.is_final:
            self._trials += len(item.choices)

    def _next(self, item: _Work, batch: Batch) -> list[_Work]:
        """What follows at once for a task whose batches are all measured: what is begun is finished.

        A last round, too, may find another candidate the best, and so more of them worth a trial.
        """
        more = self._missing(item.task)
        if more:
            self._total = self._limited(self._total + len(more))
            return self._parts(item.task, more, batch.expected)
        if item.is_final or self._runner.machine.unit is Unit.INSTRUCTIONS:
            return []
        scores = self._scores(item.task)
        again = finalists(scores)
        if again and set(again) <= set(item.choices) and self._is_brief(item, scores):
            last = dataclasses.replace(item, is_final=True)
            self._measure(last, batch)
            return self._next(last, batch)
        return [_Work(item.task, again, is_final=True, expected=batch.expected)] if again else []

    def _is_brief(self, item: _Work, scores: Mapping[Choice, float]) -> bool:
        """Whether a last round with all of a batch takes less time than building the finalists alone."""
        return FINAL_RUNS * sum(scores[choice] for choice in item.choices) * 1e-9 < _BRIEF_SECONDS

    def _records(self, item: _Work, samples: Samples) -> list[Record]:
        machine, today = self._runner.machine, datetime.now(UTC).date().isoformat()
        return [
            Record(
                kind=item.task.kind,
                workload=item.task.workload,
                template=choice.template,
                version=VERSIONS[choice.template],
                parameters=choice.parameters.text,
                cpu_class=self._cpu.name,
                cpu=self._target.cpu,
                features=machine.features,
                source=machine.source,
                machine=machine.name,
                unit=machine.unit,
                score=score_of(runs),
                spread=spread_of(runs),
                clock_mhz=machine.clock_mhz,
                date=today,
                edgekit=__version__,
            )
            for choice, runs in zip(item.choices, samples, strict=True)
        ]

    def _on_the_same_clock(self, item: _Work, finals: Sequence[Record]) -> list[Record]:
        """The task's other records, as if measured in the last round.

        A machine's clock drifts between rounds; the finalists, which are in both, tell by how much.
        """
        known = self._known(item.task)
        pairs = zip(item.choices, finals, strict=True)
        drift = statistics.median(after.score / (known[choice].score or 1) for choice, after in pairs)
        others = (record for choice, record in known.items() if choice not in item.choices)
        return [dataclasses.replace(record, score=record.score * drift) for record in others]

    # ------------------------------------------------------------------------------ what is known

    def _known(self, task: Task) -> dict[Choice, Record]:
        """The records of this machine for a task's candidates as they are now."""
        machine = self._runner.machine
        mine = (self._target.cpu, machine.features, machine.source, machine.name, machine.unit)
        return {
            recorded_choice(record): record
            for record in self._store.records(task.kind, task.workload, self._cpu.name)
            if record.version == VERSIONS.get(record.template)
            and (record.cpu, record.features, record.source, record.machine, record.unit) == mine
        }

    def _scores(self, task: Task) -> dict[Choice, float]:
        return {choice: record.score for choice, record in self._valid(task).items()}

    def _valid(self, task: Task) -> dict[Choice, Record]:
        """What is known of candidates that there are."""
        everything = candidates(task.job, self._cpu)
        return {choice: record for choice, record in self._known(task).items() if choice in everything}

    def _missing(self, task: Task) -> tuple[Choice, ...]:
        """The candidates that this machine has yet to measure."""
        return proposals(candidates(task.job, self._cpu), self._scores(task))

    def _limited(self, total: int) -> int:
        """A number of candidates, within the budget."""
        return total if self._budget.trials is None else min(total, self._budget.trials)

    def _show(self) -> None:
        share = self._trials / self._total if self._total else 1.0
        spent = time.monotonic() - self._began
        seconds = self._budget.seconds
        if seconds is not None:
            share = max(share, min(spent / seconds, 1.0))
        left = f", {_duration(spent / share - spent)} left" if share > 0 else ""
        text = f"measured {self._trials} of {self._total} candidates{left}{self._best}"
        self._progress(text, min(share, 0.999))

    def _report(self, tasks: Sequence[Task]) -> TuneReport:
        machine = self._runner.machine
        return TuneReport(
            machine=machine.name,
            source=machine.source.value,
            unit=machine.unit.value,
            trials=self._trials,
            seconds=time.monotonic() - self._began,
            is_complete=not any(self._missing(task) for task in tasks),
            tasks=tuple(self._result(task) for task in tasks),
        )

    def _result(self, task: Task) -> TaskResult:
        known = self._valid(task)
        preferred = candidates(task.job, self._cpu)[0]
        untuned = known.get(preferred)
        rule = preferred.template, preferred.parameters.text, least_gain(self._cpu)
        best = fastest(tuple(known.values()), *rule) if known else None
        return TaskResult(
            name=task.name,
            macs=task.macs,
            candidates=len(known) + len(self._missing(task)),
            measured=len(known),
            untuned_score=None if untuned is None else untuned.score,
            best_score=None if best is None else best.score,
            best=None if best is None else _choice_text(best),
            unit=self._runner.machine.unit.value,
        )


@dataclasses.dataclass(frozen=True)
class _Work:
    """Candidates of one task that are built and measured together."""

    task: Task
    choices: tuple[Choice, ...]
    is_final: bool = False
    expected: bytes | None = None


def score_of(runs: Sequence[int]) -> float:
    """The lower quartile: whatever disturbs a run makes it longer."""
    return float(runs[0]) if len(runs) < 2 else float(statistics.quantiles(runs, method="inclusive")[0])


def spread_of(runs: Sequence[int]) -> float:
    """Half of the width of the middle half, as a share of the score."""
    if len(runs) < 2:
        return 0.0
    low, _, high = statistics.quantiles(runs, method="inclusive")
    return round((high - low) / 2 / low, 6) if low else 0.0


def _choice_text(record: Record) -> str:
    """A record's candidate as people read it: "neon_rows pixels=4"."""
    values = Parameters.parse(record.parameters).items()
    return " ".join((record.template, *(f"{name}={value}" for name, value in values)))


def _first_round(building: Mapping[Future[Batch], _Work]) -> int:
    return sum(len(item.choices) for item in building.values() if not item.is_final)


def _sentence(result: TaskResult) -> str:
    """The best so far of a task."""
    if not result.best_score or result.untuned_score is None:
        return ""
    gain = result.untuned_score / result.best_score
    return f"; {result.name}: {gain:.2f} times the untuned speed"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if seconds < 90 else f"{minutes} min"

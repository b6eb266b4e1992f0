"""Evaluate one subject after the other on the same samples, and set them side by side."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.errors import WrongValueError, nearest
from edgekit.evaluate.agreement import Answers, agreement
from edgekit.evaluate.evaluation import Evaluated, Evaluation
from edgekit.evaluate.plots import plot_classification, require_plots
from edgekit.evaluate.predict import evenly
from edgekit.evaluate.scores import (
    ClassificationScores,
    Task,
    fit_labels,
    score,
    sklearn_metrics,
    task_of,
)
from edgekit.evaluate.subjects import check_alike, chosen_output, fed
from edgekit.samples.errors import SamplesDoNotFitError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edgekit.evaluate.evaluation import Scoring
    from edgekit.evaluate.subjects import Subject
    from edgekit.samples import Samples

    Progress = Callable[[str, float | None], None]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """Samples that were chosen of the data, and what is known of them."""

    source: str
    numbers: NDArray[np.int64]  # of the samples in the data
    inputs: tuple[NDArray[np.float32], ...]  # samples first
    labels: NDArray[Any] | None
    class_names: tuple[str, ...]

    def part(self, limit: int | None) -> tuple[NDArray[np.int64], Material]:
        """Of these, `limit` that lie evenly among them: their positions here, and they themselves."""
        places = evenly(len(self.numbers), limit)
        return places, dataclasses.replace(
            self,
            numbers=self.numbers[places],
            inputs=tuple(array[places] for array in self.inputs),
            labels=None if self.labels is None else self.labels[places],
        )


def material(samples: Samples, labels: NDArray[Any] | None, limit: int | None) -> Material:
    """What is evaluated of samples; `labels` take the place of the data's own.

    Raises:
        SamplesDoNotFitError: a sample that is used is not finite, or there are not as many labels.
    """
    known = samples.labels if labels is None else labels
    if known is not None and len(known) != len(samples):
        raise SamplesDoNotFitError(
            f"{samples.source} has {len(samples)} samples, and there are {len(known)} labels.",
            why="Each sample has one label.",
            fix="Save them from the same selection.",
        )
    whole = Material(
        source=samples.source,
        numbers=np.arange(len(samples), dtype=np.int64),
        inputs=samples.inputs,
        labels=known,
        class_names=samples.classes,
    )
    _, chosen = whole.part(limit)
    for array in chosen.inputs:
        bad = ~np.isfinite(array).reshape(len(array), -1).all(axis=1)
        if bad.any():
            name = samples.names[int(chosen.numbers[np.argmax(bad)])]
            raise SamplesDoNotFitError(
                f"Sample {name} of {samples.source} is not finite.",
                why="It has NaN or infinity in it, for which no integer stands.",
                fix="Leave it out, or correct it.",
            )
    return chosen


def assess(
    subjects: Sequence[Subject],
    data: Material,
    scoring: Scoring,
    *,
    limits: Mapping[str, int],
    tolerance: float | None,
    plots: Path | None,
    progress: Progress,
) -> Evaluation:
    """Let every subject answer, score the answers, and compare them with the first subject's.

    What cannot be right is refused before anything runs.

    Args:
        subjects: one or more, with names of their own.
        data: what they answer.
        scoring: how answers are understood.
        limits: how many of the samples a subject is given at most, by its name or target.
        tolerance: kept in the answer; see `Evaluation.beyond_tolerance`.
        plots: a folder for plots, of classes only.
        progress: told what is being done.

    Raises:
        UnlikeModelsError, UnclearOutputError, LabelsDoNotFitError, NotFiniteError: the data, the labels or
            the models do not go together.
        WrongValueError: a limit for nothing that is evaluated; a tolerance without anything to compare;
            plots of what has none.
        Whatever a subject raises.
    """
    check_alike(subjects)
    outputs = [chosen_output(subject, scoring.output) for subject in subjects]
    elements = subjects[0].outputs[outputs[0]].elements
    task = scoring.task or task_of(data.labels, elements)
    _check(subjects, data, task, elements, limits, tolerance, plots)
    evaluated: list[Evaluated] = []
    reference: Answers | None = None
    for subject, output in zip(subjects, outputs, strict=True):
        limit = limits.get(subject.name, limits.get(subject.target or ""))
        result, answers = _one(subject, output, data.part(limit)[1], scoring, task, reference, progress)
        if plots is not None:
            result = _plotted(result, answers, data, plots)
        evaluated.append(result)
        reference = reference or answers
    return Evaluation(
        data=data.source,
        samples=len(data.numbers),
        task=task,
        has_labels=data.labels is not None,
        class_names=data.class_names,
        tolerance=tolerance,
        evaluated=tuple(evaluated),
    )


def _one(
    subject: Subject,
    output: int,
    data: Material,
    scoring: Scoring,
    task: Task,
    reference: Answers | None,
    progress: Progress,
) -> tuple[Evaluated, Answers]:
    answered = subject.answer(fed(subject, data.inputs), progress)
    form = subject.outputs[output]
    answers = Answers(samples=data.numbers, values=form.reals(answered.outputs[output]), step=form.scale)
    scores = None
    if data.labels is not None:
        progress(f"scoring {subject.name}", None)
        scores = score(answers.values, data.labels, task, top_k=scoring.top_k, threshold=scoring.threshold)
    agreed = None
    if reference is not None:
        agreed = agreement(answers, reference, task, threshold=scoring.threshold)
    return (
        Evaluated(
            name=subject.name,
            kind=subject.kind,
            digest=subject.digest,
            target=subject.target,
            engine=answered.engine,
            devices=answered.devices,
            samples=len(data.numbers),
            scores=scores,
            agreement=agreed,
            cost=answered.cost,
        ),
        answers,
    )


def _plotted(result: Evaluated, answers: Answers, data: Material, folder: Path) -> Evaluated:
    assert isinstance(result.scores, ClassificationScores)
    assert data.labels is not None
    labels = data.labels[np.searchsorted(data.numbers, answers.samples)]
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", result.name).strip("-.") or "model"
    written = plot_classification(
        folder, stem, result.name, result.scores, answers.values, labels, data.class_names
    )
    return dataclasses.replace(result, plots=written)


def _check(
    subjects: Sequence[Subject],
    data: Material,
    task: Task,
    elements: int,
    limits: Mapping[str, int],
    tolerance: float | None,
    plots: Path | None,
) -> None:
    if data.labels is not None:
        fit_labels(data.labels, len(data.numbers), elements, task)
        sklearn_metrics()
    known = [subject.name for subject in subjects] + [s.target for s in subjects if s.target is not None]
    for name in limits:
        if name not in known:
            raise WrongValueError(
                f"There is a limit for {name!r}, which is not evaluated.",
                why=f"These are: {', '.join(subject.name for subject in subjects)}.",
                fix=nearest(name, known, "Name one of them, or leave the name out."),
            )
    if tolerance is not None and len(subjects) < 2:
        raise WrongValueError(
            "There is nothing to hold to a tolerance.",
            why="It is of the agreement with the first that is evaluated, and there is one only.",
            fix="Name several models, builds or targets.",
        )
    if plots is None:
        return
    if data.labels is None or task is not Task.CLASSIFICATION:
        raise WrongValueError(
            "There is nothing to plot.",
            why="Confusion matrix and ROC curves are of classes, with labels.",
            fix="Give labels of classes, or leave the plots out.",
        )
    require_plots()

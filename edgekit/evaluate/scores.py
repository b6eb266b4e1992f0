"""Scores: how good predictions are against labels, by scikit-learn.

Metrics are of the whole data at once: where it was sharded over several devices, their predictions are
joined first, so that sharding changes no score.
"""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.errors import missing_extra
from edgekit.evaluate.errors import LabelsDoNotFitError, NotFiniteError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Reals = NDArray[np.float64]
    Classes = NDArray[np.int64]

TOP_K = 5
THRESHOLD = 0.5


class Task(StrEnum):
    """What a model's output means."""

    CLASSIFICATION = "classification"  # one score a class; one number alone is the score of class 1
    REGRESSION = "regression"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Average:
    """Precision, recall and F1 over all classes."""

    precision: float
    recall: float
    f1: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassScores:
    """One class against all others."""

    label: int
    samples: int  # that have this label
    precision: float  # 0 where the class was never predicted
    recall: float  # 0 where no sample has the label
    f1: float
    roc_auc: float | None  # None where all samples have this label, or none has


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassificationScores:
    """What `score` gives for classes: those that are a label or a prediction of some sample."""

    samples: int
    accuracy: float
    top_k: int | None  # None: the model knows no more classes than that, so all would be right
    top_k_accuracy: float | None
    macro: Average  # every class counts the same
    micro: Average  # every sample counts the same
    roc_auc: float | None  # mean of the classes' that have one
    classes: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]  # samples, [true][predicted], in the order of `classes`


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegressionScores:
    """What `score` gives for numbers; of several outputs, the mean over them."""

    samples: int
    mse: float
    rmse: float
    mae: float
    r2: float | None  # None for a single sample


Scores = ClassificationScores | RegressionScores


def task_of(labels: NDArray[Any] | None, elements: int) -> Task:
    """The task that labels and the number of a model's output elements speak for."""
    if labels is None:
        return Task.CLASSIFICATION if elements > 1 else Task.REGRESSION
    one_each = labels.ndim == 1 or labels.size == labels.shape[0]
    if not one_each or labels.dtype.kind == "f":
        return Task.REGRESSION
    if elements > 1 or set(np.unique(labels).tolist()) <= {0, 1}:
        return Task.CLASSIFICATION
    return Task.REGRESSION


def predicted_classes(values: Reals, threshold: float = THRESHOLD) -> Classes:
    """The class of the largest score, the first of equal ones, as a device's argmax has it.

    Args:
        values: (samples, elements). One element is the score of class 1, which is predicted from
            `threshold` up.
        threshold: for one element only.
    """
    if values.shape[1] == 1:
        return np.asarray(values[:, 0] >= threshold, np.int64)
    largest: Classes = np.argmax(values, axis=1).astype(np.int64)
    return largest


def score(
    values: Reals,
    labels: NDArray[Any],
    task: Task,
    *,
    top_k: int = TOP_K,
    threshold: float = THRESHOLD,
) -> Scores:
    """Score a model's answers against labels.

    Args:
        values: (samples, elements), what the model answered in real numbers.
        labels: of classes: (samples,), integers from 0; of numbers: one for each element.
        task: what they mean.
        top_k: a label among so many best scores counts for `top_k_accuracy`.
        threshold: see `predicted_classes`.

    Raises:
        LabelsDoNotFitError: labels are of another number, or name a class that the model does not know.
        NotFiniteError: the model answered NaN or infinity.
        MissingExtraError: scikit-learn is not installed.
    """
    fitting = fit_labels(labels, len(values), values.shape[1], task)
    if not np.isfinite(values).all():
        sample = int(np.argwhere(~np.isfinite(values))[0, 0])
        raise NotFiniteError(
            f"The model's answer to sample {sample} is not finite.",
            why="It has NaN or infinity in it, which no metric can score.",
            fix="Look at that sample, and at the model's float operators.",
        )
    if task is Task.REGRESSION:
        return _regression(values, fitting)
    return _classification(values, fitting, top_k, threshold)


def fit_labels(labels: NDArray[Any], samples: int, elements: int, task: Task) -> NDArray[Any]:
    """Labels as they are scored: (samples,) integers of classes, or (samples, elements) floats.

    Raises:
        LabelsDoNotFitError: as `score`.
    """
    if len(labels) != samples:
        raise LabelsDoNotFitError(
            f"There are {len(labels)} labels for {samples} samples.",
            why="Every sample is scored by a label of its own.",
            fix="Give one label for each sample, in the samples' order.",
        )
    return _as_numbers(labels, elements) if task is Task.REGRESSION else _as_classes(labels, elements)


def _as_classes(labels: NDArray[Any], elements: int) -> Classes:
    flat = labels.reshape(len(labels), -1)
    if flat.shape[1] != 1 or labels.dtype.kind not in "iub":
        raise LabelsDoNotFitError(
            f"Labels of shape {labels.shape} and type {labels.dtype} name no classes.",
            why="A class is one integer a sample, from 0 up.",
            fix="Give integers, or say --task regression.",
        )
    known = max(elements, 2)
    wrong = flat[(flat < 0) | (flat >= known)]
    if wrong.size:
        raise LabelsDoNotFitError(
            f"The label {int(wrong[0])} names no class of the model.",
            why=f"It has {known} classes, 0 to {known - 1}.",
            fix="Give labels by the position of their class in the model's output, from 0.",
        )
    return flat[:, 0].astype(np.int64)


def _classification(values: Reals, labels: Classes, top_k: int, threshold: float) -> ClassificationScores:
    metrics = sklearn_metrics()
    predicted = predicted_classes(values, threshold)
    present = np.union1d(labels, predicted)
    known = {"labels": present, "zero_division": 0}
    each = metrics.precision_recall_fscore_support(labels, predicted, **known)
    areas = [_roc_auc(metrics, values, labels, int(label)) for label in present]
    defined = [area for area in areas if area is not None]
    has_more = values.shape[1] > max(top_k, 2)  # scikit-learn has no top-k of two classes
    return ClassificationScores(
        samples=len(labels),
        accuracy=float(metrics.accuracy_score(labels, predicted)),
        top_k=top_k if has_more else None,
        top_k_accuracy=_top_k(metrics, values, labels, top_k) if has_more else None,
        macro=_average(metrics.precision_recall_fscore_support(labels, predicted, average="macro", **known)),
        micro=_average(metrics.precision_recall_fscore_support(labels, predicted, average="micro", **known)),
        roc_auc=float(np.mean(defined)) if defined else None,
        classes=tuple(
            ClassScores(
                label=int(label),
                samples=int(support),
                precision=float(precision),
                recall=float(recall),
                f1=float(f1),
                roc_auc=area,
            )
            for label, precision, recall, f1, support, area in zip(present, *each, areas, strict=True)
        ),
        confusion=_confusion(metrics, labels, predicted, present),
    )


def _confusion(
    metrics: Any, labels: Classes, predicted: Classes, present: Classes
) -> tuple[tuple[int, ...], ...]:
    if len(present) == 1:  # scikit-learn warns of it
        return ((len(labels),),)
    found = metrics.confusion_matrix(labels, predicted, labels=present)
    return tuple(tuple(int(count) for count in row) for row in found)


def _average(found: tuple[Any, ...]) -> Average:
    precision, recall, f1, _ = found
    return Average(precision=float(precision), recall=float(recall), f1=float(f1))


def _top_k(metrics: Any, values: Reals, labels: Classes, k: int) -> float:
    # scikit-learn ranks the last of equal scores first. Reversed, the first is, as in `predicted_classes`.
    last = values.shape[1] - 1
    return float(
        metrics.top_k_accuracy_score(last - labels, values[:, ::-1], k=k, labels=np.arange(last + 1))
    )


def _roc_auc(metrics: Any, values: Reals, labels: Classes, label: int) -> float | None:
    truth = labels == label
    if truth.all() or not truth.any():
        return None
    return float(metrics.roc_auc_score(truth, scores_of(values, label)))


def scores_of(values: Reals, label: int) -> Reals:
    """What speaks for a class, one number a sample; of a single score, what speaks against class 1 for 0."""
    if values.shape[1] > 1:
        return values[:, label]
    return values[:, 0] if label == 1 else -values[:, 0]


def _as_numbers(labels: NDArray[Any], elements: int) -> Reals:
    wanted = np.asarray(labels, np.float64).reshape(len(labels), -1)
    if wanted.shape[1] != elements:
        raise LabelsDoNotFitError(
            f"There are {wanted.shape[1]} numbers in a label, and {elements} in an answer.",
            why="Each number of the model's output is compared with one of the label.",
            fix="Give labels of the output's shape, or name another output.",
        )
    if not np.isfinite(wanted).all():
        raise LabelsDoNotFitError(
            "A label is not finite.",
            why="It is NaN or infinity, which no metric can compare with.",
            fix="Leave such samples out.",
        )
    return wanted


def _regression(values: Reals, wanted: Reals) -> RegressionScores:
    metrics = sklearn_metrics()
    mse = float(metrics.mean_squared_error(wanted, values))
    return RegressionScores(
        samples=len(values),
        mse=mse,
        rmse=float(np.sqrt(mse)),
        mae=float(metrics.mean_absolute_error(wanted, values)),
        r2=float(metrics.r2_score(wanted, values)) if len(values) > 1 else None,
    )


def sklearn_metrics() -> Any:
    """scikit-learn's metrics.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        from sklearn import metrics
    except ImportError as error:
        raise missing_extra("Predictions cannot be scored.", "scikit-learn", "evaluate") from error
    return metrics

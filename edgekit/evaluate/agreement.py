"""Agreement: on how many samples two computations of a model answer alike."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from edgekit.evaluate.errors import UnlikeModelsError
from edgekit.evaluate.scores import THRESHOLD, Task, predicted_classes

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What a model answered to some of the samples."""

    samples: NDArray[np.int64]  # their numbers, ascending
    values: NDArray[np.float64]  # (samples, elements), in real numbers
    step: float | None  # distance of two neighbouring values; None: the output is not quantized


@dataclasses.dataclass(frozen=True, kw_only=True)
class Agreement:
    """One's answers beside the reference's, on the samples that both were given."""

    samples: int
    share: float  # of samples with the same class; of numbers, that differ by no more than one step
    differing: int  # samples that do not agree
    first_differing: int | None  # the number of the first of them
    identical_share: float  # of samples whose whole answer is the same, every number
    largest_difference: float  # of two numbers


def agreement(
    answers: Answers, reference: Answers, task: Task, *, threshold: float = THRESHOLD
) -> Agreement | None:
    """Compare two computations' answers; None where they have no sample in common.

    Args:
        answers: one's.
        reference: the other's.
        task: classes agree if they are the same; numbers, if no two differ by more than one step of the
            coarser output, or at all where neither is quantized.
        threshold: see `predicted_classes`.

    Raises:
        UnlikeModelsError: they do not answer with as many numbers.
    """
    if answers.values.shape[1] != reference.values.shape[1]:
        raise UnlikeModelsError(
            "The models' answers cannot be compared.",
            why=f"One has {reference.values.shape[1]} numbers, another {answers.values.shape[1]}.",
            fix="Compare builds of one model, or name the output that they share.",
        )
    common, ours, theirs = np.intersect1d(
        answers.samples, reference.samples, assume_unique=True, return_indices=True
    )
    if not len(common):
        return None
    mine, other = answers.values[ours], reference.values[theirs]
    distance = np.abs(mine - other)
    if task is Task.CLASSIFICATION:
        agree = predicted_classes(mine, threshold) == predicted_classes(other, threshold)
    else:
        step = max(answers.step or 0.0, reference.step or 0.0)
        # A hair more than a step: two float64 products of whole steps are not rounded alike.
        agree = (distance <= step * (1 + 1e-9)).all(axis=1)
    differing = common[~agree]
    return Agreement(
        samples=len(common),
        share=float(agree.mean()),
        differing=len(differing),
        first_differing=int(differing[0]) if len(differing) else None,
        identical_share=float((mine == other).all(axis=1).mean()),
        largest_difference=float(distance.max(initial=0.0)),
    )

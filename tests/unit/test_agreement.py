"""Agreement: on which samples two computations answer alike."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.evaluate.agreement import Answers, agreement
from edgekit.evaluate.errors import UnlikeModelsError
from edgekit.evaluate.scores import Task


def answers(
    values: list[list[float]], samples: list[int] | None = None, step: float | None = None
) -> Answers:
    numbers = np.array(range(len(values)) if samples is None else samples)
    return Answers(samples=numbers, values=np.array(values, np.float64), step=step)


def test_classes_agree_where_they_are_the_same_whatever_the_scores() -> None:
    first = answers([[0.1, 0.9], [0.8, 0.2], [0.6, 0.4], [0.5, 0.4]])
    other = answers([[0.1, 0.9], [0.7, 0.3], [0.4, 0.6], [0.2, 0.4]])
    found = agreement(other, first, Task.CLASSIFICATION)
    assert found is not None
    assert (found.samples, found.share, found.differing, found.first_differing) == (4, 0.5, 2, 2)
    assert found.identical_share == 0.25
    assert found.largest_difference == pytest.approx(0.3)


def test_numbers_agree_within_a_step_of_the_coarser_output() -> None:
    first = answers([[0.0], [0.25], [0.5]])
    assert (found := agreement(answers([[0.1], [0.0], [1.0]], step=0.25), first, Task.REGRESSION)) is not None
    assert found.share == pytest.approx(2 / 3)
    assert found.first_differing == 2
    assert (found := agreement(answers([[0.1], [0.25], [0.5]]), first, Task.REGRESSION)) is not None
    assert found.share == pytest.approx(2 / 3)


def test_only_samples_that_both_answered_are_compared_and_named_by_their_numbers() -> None:
    first = answers([[1, 0], [1, 0], [0, 1]], [10, 20, 30])
    found = agreement(answers([[1, 0], [1, 0], [1, 0]], [5, 20, 30]), first, Task.CLASSIFICATION)
    assert found is not None
    assert (found.samples, found.share, found.first_differing) == (2, 0.5, 30)
    assert agreement(answers([[1, 0]], [7]), first, Task.CLASSIFICATION) is None


def test_answers_of_another_form_are_refused() -> None:
    with pytest.raises(UnlikeModelsError, match="One has 2 numbers, another 3"):
        agreement(answers([[1, 0, 0]]), answers([[1, 0]]), Task.CLASSIFICATION)

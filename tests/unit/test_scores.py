"""Scores: against values computed by hand, and laws that hold for any predictions."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edgekit.errors import ExitCode, MissingExtraError
from edgekit.evaluate.errors import LabelsDoNotFitError, NotFiniteError
from edgekit.evaluate.scores import (
    ClassificationScores,
    RegressionScores,
    Task,
    predicted_classes,
    score,
    task_of,
)


def classified(values: list[list[float]], labels: list[int], **how: Any) -> ClassificationScores:
    found = score(np.array(values, np.float64), np.array(labels), Task.CLASSIFICATION, **how)
    assert isinstance(found, ClassificationScores)
    return found


def one_hot(predicted: list[int], classes: int) -> list[list[float]]:
    return [[float(i == p) for i in range(classes)] for p in predicted]


def test_three_classes_are_scored_as_computed_by_hand() -> None:
    # true:      0 0 0 1 1 2
    # predicted: 0 0 1 1 2 2
    found = classified(one_hot([0, 0, 1, 1, 2, 2], 3), [0, 0, 0, 1, 1, 2])
    assert found.samples == 6
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.confusion == ((2, 1, 0), (0, 1, 1), (0, 0, 1))
    assert [each.label for each in found.classes] == [0, 1, 2]
    assert [each.samples for each in found.classes] == [3, 2, 1]
    assert [each.precision for each in found.classes] == pytest.approx([1, 1 / 2, 1 / 2])
    assert [each.recall for each in found.classes] == pytest.approx([2 / 3, 1 / 2, 1])
    assert [each.f1 for each in found.classes] == pytest.approx([4 / 5, 1 / 2, 2 / 3])
    assert (found.macro.precision, found.macro.recall) == pytest.approx((2 / 3, 13 / 18))
    assert found.macro.f1 == pytest.approx((4 / 5 + 1 / 2 + 2 / 3) / 3)
    # With one class a sample, all three micro averages are the accuracy.
    assert (found.micro.precision, found.micro.recall, found.micro.f1) == pytest.approx((4 / 6,) * 3)
    # Class 0: 2 of 3 positives lie above all negatives, 1 ties with all: (2 + 1/2) / 3.
    assert found.classes[0].roc_auc == pytest.approx(5 / 6)
    assert found.top_k is None
    assert found.top_k_accuracy is None


def test_a_label_among_the_best_scores_counts_for_top_k() -> None:
    values = [[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1], [0.1, 0.4, 0.3, 0.2]]
    found = classified(values, [2, 3, 0], top_k=2)
    assert (found.accuracy, found.top_k) == (0, 2)
    assert found.top_k_accuracy == pytest.approx(1 / 3)
    found = classified(values, [2, 3, 0], top_k=3)
    assert found.top_k_accuracy == pytest.approx(1 / 3)
    assert classified(values, [2, 3, 0], top_k=4).top_k is None


def test_the_first_of_equal_scores_goes_first_in_top_k_too() -> None:
    assert predicted_classes(np.array([[0.5, 0.5, 0.5]])).tolist() == [0]
    found = classified([[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]], [1, 2], top_k=2)
    assert found.top_k_accuracy == 0.5


def test_one_number_is_the_score_of_class_1() -> None:
    found = classified([[0.1], [0.4], [0.35], [0.8]], [0, 0, 1, 1])
    assert found.confusion == ((2, 0), (1, 1))
    # Of the four pairs of a positive and a negative, three are ranked rightly.
    assert [each.roc_auc for each in found.classes] == [0.75, 0.75]
    assert classified([[0.1], [0.4], [0.35], [0.8]], [0, 0, 1, 1], threshold=0.2).accuracy == 0.75


def test_what_is_undefined_is_none_or_nought_and_warns_of_nothing() -> None:
    found = classified(one_hot([0, 0], 3), [0, 0])
    assert found.accuracy == 1
    assert found.confusion == ((2,),)
    assert found.roc_auc is None
    found = classified(one_hot([1], 2), [0])
    assert [(each.precision, each.recall, each.f1) for each in found.classes] == [(0, 0, 0), (0, 0, 0)]


def test_a_class_of_the_model_that_nobody_names_counts_for_nothing() -> None:
    two, many = classified(one_hot([0, 1], 2), [0, 1]), classified(one_hot([0, 1], 7), [0, 1])
    assert (two.macro, two.confusion) == (many.macro, many.confusion)


def test_numbers_are_scored_as_computed_by_hand() -> None:
    found = score(np.array([[2.5], [0.0], [2.0], [8.0]]), np.array([3.0, -0.5, 2.0, 7.0]), Task.REGRESSION)
    assert isinstance(found, RegressionScores)
    assert found.mse == pytest.approx((0.25 + 0.25 + 0 + 1) / 4)
    assert found.rmse == pytest.approx(0.375**0.5)
    assert found.mae == pytest.approx(0.5)
    assert found.r2 == pytest.approx(1 - 1.5 / 29.1875)  # the labels' mean is 2.875


def test_a_single_sample_has_no_r2() -> None:
    found = score(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]), Task.REGRESSION)
    assert isinstance(found, RegressionScores)
    assert (found.mse, found.r2) == (2.0, None)


@pytest.mark.parametrize(
    ("labels", "elements", "task"),
    [
        (np.array([0, 3]), 10, Task.CLASSIFICATION),
        (np.array([[0], [3]]), 10, Task.CLASSIFICATION),
        (np.array([0, 1]), 1, Task.CLASSIFICATION),
        (np.array([0, 7]), 1, Task.REGRESSION),
        (np.array([0.0, 1.0]), 1, Task.REGRESSION),
        (np.zeros((2, 3), np.int64), 3, Task.REGRESSION),
        (None, 10, Task.CLASSIFICATION),
        (None, 1, Task.REGRESSION),
    ],
)
def test_labels_tell_the_task(labels: NDArray[Any] | None, elements: int, task: Task) -> None:
    assert task_of(labels, elements) is task


@pytest.mark.parametrize(
    ("labels", "task", "complaint"),
    [
        (np.array([0]), Task.CLASSIFICATION, r"1 labels for 2 samples"),
        (np.array([0, 3]), Task.CLASSIFICATION, r"label 3 names no class[\s\S]*0 to 2"),
        (np.array([-1, 0]), Task.CLASSIFICATION, r"label -1 names no class"),
        (np.array([0.0, 1.0]), Task.CLASSIFICATION, r"float64 name no classes[\s\S]*--task regression"),
        (np.array([[0, 1], [1, 0]]), Task.CLASSIFICATION, r"shape \(2, 2\)"),
        (np.array([0.0, 1.0]), Task.REGRESSION, r"1 numbers in a label, and 3 in an answer"),
        (np.full((2, 3), np.nan), Task.REGRESSION, r"not finite"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: NDArray[Any], task: Task, complaint: str) -> None:
    with pytest.raises(LabelsDoNotFitError, match=complaint) as refused:
        score(np.zeros((2, 3)), labels, task)
    assert refused.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_answers_that_are_not_finite_are_refused_with_their_sample(bad: float) -> None:
    values = np.zeros((3, 2))
    values[1, 0] = bad
    with pytest.raises(NotFiniteError, match="sample 1") as refused:
        score(values, np.zeros(3, np.int64), Task.CLASSIFICATION)
    assert refused.value.exit_code == ExitCode.MODEL


def test_without_scikit_learn_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtraError, match=r"edgekit-sdk\[evaluate\]"):
        classified(one_hot([0, 1], 2), [0, 1])


@st.composite
def answers(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    samples, classes = draw(st.integers(1, 25)), draw(st.integers(2, 7))
    values = draw(arrays(np.int8, (samples, classes)))
    labels = draw(arrays(np.int64, samples, elements=st.integers(0, classes - 1)))
    return values.astype(np.float64) / 256, labels


@given(answers())
def test_what_holds_for_any_answers(given: tuple[NDArray[np.float64], NDArray[np.int64]]) -> None:
    values, labels = given
    found = score(values, labels, Task.CLASSIFICATION, top_k=2)
    assert isinstance(found, ClassificationScores)
    confusion = np.array(found.confusion)
    assert confusion.sum() == len(labels)
    assert np.trace(confusion) / len(labels) == pytest.approx(found.accuracy)
    assert confusion.sum(axis=1).tolist() == [each.samples for each in found.classes]
    assert found.micro.f1 == pytest.approx(found.accuracy)
    assert found.top_k_accuracy is None or found.top_k_accuracy >= found.accuracy
    # The samples' order says nothing.
    assert score(values[::-1], labels[::-1], Task.CLASSIFICATION, top_k=2) == found


@given(answers())
def test_top_1_is_the_accuracy(given: tuple[NDArray[np.float64], NDArray[np.int64]]) -> None:
    values, labels = given
    found = score(values, labels, Task.CLASSIFICATION, top_k=1)
    assert isinstance(found, ClassificationScores)
    assert found.top_k_accuracy in (None, found.accuracy)
    assert (found.top_k_accuracy is None) == (values.shape[1] == 2)

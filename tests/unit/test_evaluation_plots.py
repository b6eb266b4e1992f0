"""Plots: whole files of both kinds, the same bytes again, and words where they cannot be written."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgekit.errors import MissingExtraError
from edgekit.evaluate.errors import PlotsUnwritableError
from edgekit.evaluate.plots import plot_classification
from edgekit.evaluate.scores import ClassificationScores, Task, score

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

VALUES = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.4, 0.3], [0.2, 0.2, 0.6]])
LABELS = np.array([0, 1, 2, 2])


def plotted(
    folder: Path, labels: NDArray[np.int64] = LABELS, names: Sequence[str] = (), title: str = "net"
) -> tuple[Path, ...]:
    values = VALUES[: len(labels)]
    scores = score(values, labels, Task.CLASSIFICATION)
    assert isinstance(scores, ClassificationScores)
    return plot_classification(folder, "net", title, scores, values, labels, names)


def test_confusion_matrix_and_roc_are_written_as_png_and_svg(tmp_path: Path) -> None:
    written = plotted(tmp_path / "new" / "plots")
    assert [path.name for path in written] == [
        "net-confusion.png",
        "net-confusion.svg",
        "net-roc.png",
        "net-roc.svg",
    ]
    for path in written:
        start = path.read_bytes()[:8]
        assert start == b"\x89PNG\r\n\x1a\n" if path.suffix == ".png" else start.startswith(b"<?xml")


def test_the_same_scores_give_the_same_svg(tmp_path: Path) -> None:
    first, again = plotted(tmp_path / "first"), plotted(tmp_path / "again")
    for one, other in zip(first, again, strict=True):
        if one.suffix == ".svg":
            assert one.read_bytes() == other.read_bytes()


def test_classes_have_their_names_and_dollars_are_no_mathematics(tmp_path: Path) -> None:
    svg = plotted(tmp_path, names=["cat $", "dog $", "owl"], title="$x_1$")[1].read_text()
    assert "<!-- cat $ -->" in svg
    assert "<!-- $x_1$ " in svg
    assert "<!-- owl -->" in svg


def test_a_single_class_has_no_roc_curve(tmp_path: Path) -> None:
    assert len(plotted(tmp_path, np.array([0]))) == 2


def test_many_classes_are_plotted_without_their_numbers(tmp_path: Path) -> None:
    values = np.eye(60)
    scores = score(values, np.arange(60), Task.CLASSIFICATION)
    assert isinstance(scores, ClassificationScores)
    written = plot_classification(tmp_path, "many", "many", scores, values, np.arange(60))
    assert "<!-- 59 -->" not in written[1].read_text()
    assert written[3].read_text().count("1.0000") == 11  # ten curves, and the mean


def test_without_matplotlib_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"edgekit-sdk\[evaluate\]"):
        plotted(tmp_path / "plots")
    assert not (tmp_path / "plots").exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PlotsUnwritableError, match="Plots cannot be written"):
        plotted(tmp_path / "file" / "plots")

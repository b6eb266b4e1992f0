"""Plots of a classification, as PNG and SVG: confusion matrix and ROC curves, by matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.errors import missing_extra
from edgekit.evaluate.errors import PlotsUnwritableError
from edgekit.evaluate.scores import scores_of, sklearn_metrics

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edgekit.evaluate.scores import ClassificationScores

_NUMBERED = 30  # classes whose cells have their counts written in
_CURVES = 10  # in one plot
_INCHES = 6.4


def plot_classification(
    directory: Path,
    stem: str,
    title: str,
    scores: ClassificationScores,
    values: NDArray[np.float64],
    labels: NDArray[Any],
    class_names: Sequence[str] = (),
) -> tuple[Path, ...]:
    """Write `<stem>-confusion` and, where a class has a ROC curve, `<stem>-roc`; each as .png and .svg.

    The same scores give the same bytes of SVG. Of more than ten classes, the ROC plot shows the ten whose
    areas are the smallest.

    Args:
        directory: made if it is not there.
        stem: how the files' names begin.
        title: above each plot.
        scores: of these values and labels.
        values: (samples, elements), what the model answered.
        labels: (samples,), classes.
        class_names: by class; their numbers where there are none.

    Raises:
        MissingExtraError: matplotlib is not installed.
        PlotsUnwritableError: the folder cannot be made or written to.
    """
    names = [_name(each.label, class_names) for each in scores.classes]
    written = _save(directory, f"{stem}-confusion", _confusion(title, scores, names))
    if scores.roc_auc is not None:
        written += _save(directory, f"{stem}-roc", _roc(title, scores, names, values, labels))
    return written


def _name(label: int, class_names: Sequence[str]) -> str:
    return class_names[label] if label < len(class_names) else str(label)


def require_plots() -> Any:
    """matplotlib's figure, which needs no display.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing_extra("Plots cannot be drawn.", "matplotlib", "evaluate") from error
    return Figure


def _figure(title: str) -> tuple[Any, Any]:
    figure = require_plots()(figsize=(_INCHES, _INCHES), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(_literal(title))
    return figure, axes


def _literal(text: str) -> str:
    """matplotlib takes what is between dollars for mathematics."""
    return text.replace("$", r"\$")


def _confusion(title: str, scores: ClassificationScores, names: Sequence[str]) -> Any:
    figure, axes = _figure(f"{title}\naccuracy {scores.accuracy:.2%}")
    counts = np.array(scores.confusion)
    # Shares of the row, so that a rare class is seen as well as a frequent one.
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    axes.set(xlabel="predicted", ylabel="true")
    if len(names) > _NUMBERED:
        return figure
    ticks, shown = range(len(names)), [_literal(name) for name in names]
    axes.set_xticks(ticks, shown, rotation=90 if max(map(len, names)) > 2 else 0)
    axes.set_yticks(ticks, shown)
    size = min(10.0, 150.0 / len(names))
    for row, column in zip(*np.nonzero(counts), strict=True):
        color = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=color, fontsize=size)
    return figure


def _roc(
    title: str,
    scores: ClassificationScores,
    names: Sequence[str],
    values: NDArray[np.float64],
    labels: NDArray[Any],
) -> Any:
    figure, axes = _figure(f"{title}\narea under the curve, mean of the classes: {scores.roc_auc:.4f}")
    drawn = [
        (each.roc_auc, each.label, name)
        for each, name in zip(scores.classes, names, strict=True)
        if each.roc_auc is not None
    ]
    for area, label, name in sorted(drawn)[:_CURVES]:
        truth = labels.reshape(-1) == label
        wrong, right, _ = sklearn_metrics().roc_curve(truth, scores_of(values, label))
        axes.plot(wrong, right, label=f"{_literal(name)}: {area:.4f}")
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    axes.set(xlabel="false positives / negatives", ylabel="true positives / positives", aspect="equal")
    axes.legend(loc="lower right", fontsize="small")
    return figure


def _save(directory: Path, stem: str, figure: Any) -> tuple[Path, ...]:
    import matplotlib as mpl

    paths = tuple(directory / f"{stem}.{kind}" for kind in ("png", "svg"))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # Without the date and with a fixed salt the same plot is the same file.
        with mpl.rc_context({"svg.hashsalt": "edgekit"}):
            figure.savefig(paths[0], dpi=150)
            figure.savefig(paths[1], metadata={"Date": None})
    except OSError as error:
        raise PlotsUnwritableError(
            f"Plots cannot be written to {directory}.",
            why=f"{error.strerror or error}.",
            fix="Name a folder that can be written to, with room in it.",
        ) from error
    return paths

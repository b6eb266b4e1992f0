"""How people see an evaluation: models and builds side by side, then each one's classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekit.cli.output import note, table

if TYPE_CHECKING:
    from edgekit.evaluate import ClassificationScores, Cost, Evaluated, Evaluation, Scores

    Columns = list[tuple[str, list[str]]]

_CLASSES_SHOWN = 50  # in the table of classes
_CONFUSION_SHOWN = 20  # in the table of the confusion matrix


def show_evaluation(found: Evaluation) -> None:
    """Print all side by side, then the classes of each, once for those that are scored alike."""
    columns: Columns = [
        ("", [each.name for each in found.evaluated]),
        ("computed by", [_computed_by(each) for each in found.evaluated]),
        ("samples", [f"{each.samples:,}" for each in found.evaluated]),
        *_scores(found),
        *_agreement(found),
        *_costs(found),
    ]
    title = f"{found.task} of {found.samples:,} samples of {found.data}"
    headers = [header for header, _ in columns]
    rows = zip(*(cells for _, cells in columns), strict=True)
    table(headers, rows, title=title, right=range(2, len(headers)))
    shown: list[Scores | None] = [None]
    for each in found.evaluated:
        if each.scores not in shown:
            _show_classes(each, found.class_names)
            shown.append(each.scores)
    if any(each.cost is not None and each.cost.instructions is not None for each in found.evaluated):
        note("instructions were counted under emulation; they are no measure of time")
    for each in found.evaluated:
        _show_notes(each)
    if not found.passes:
        first, beyond = found.evaluated[0].name, ", ".join(found.beyond_tolerance)
        note(f"beyond the tolerance of {found.tolerance:.4g}: {beyond} answer unlike {first} too often")


def _computed_by(each: Evaluated) -> str:
    return f"{each.engine} on {', '.join(each.devices)}"


def _scores(found: Evaluation) -> Columns:
    if not found.has_labels:
        return []
    scores: list[Any] = [each.scores for each in found.evaluated]
    if found.task == "regression":
        names = ("mse", "rmse", "mae", "r2")
        return [(name.upper(), [_number(getattr(each, name)) for each in scores]) for name in names]
    columns = [("accuracy", [_percent(each.accuracy) for each in scores])]
    if scores[0].top_k is not None:
        columns.append((f"top-{scores[0].top_k}", [_percent(each.top_k_accuracy) for each in scores]))
    columns.append(("macro F1", [f"{each.macro.f1:.4f}" for each in scores]))
    columns.append(("ROC AUC", [_number(each.roc_auc) for each in scores]))
    return columns


def _agreement(found: Evaluation) -> Columns:
    if len(found.evaluated) == 1:
        return []
    cells = [("", "") if each.agreement is None else _agreed(each) for each in found.evaluated]
    cells[0] = ("the reference", "")
    return [("agrees", [first for first, _ in cells]), ("identical", [second for _, second in cells])]


def _agreed(each: Evaluated) -> tuple[str, str]:
    assert each.agreement is not None
    return _percent(each.agreement.share), _percent(each.agreement.identical_share)


def _costs(found: Evaluation) -> Columns:
    costs = [each.cost for each in found.evaluated]
    if not any(costs):
        return []
    columns: Columns = []
    if any(cost is not None and cost.latency_ns is not None for cost in costs):
        columns.append(("latency", [_latency(cost) for cost in costs]))
    if any(cost is not None and cost.instructions is not None for cost in costs):
        columns.append(("instructions", [_grouped(cost.instructions if cost else None) for cost in costs]))
    columns.append(("RAM bytes", [_grouped(cost.ram_bytes if cost else None) for cost in costs]))
    columns.append(("flash bytes", [_grouped(cost.flash_bytes if cost else None) for cost in costs]))
    return columns


def _latency(cost: Cost | None) -> str:
    if cost is None or cost.latency_ns is None or cost.latency_mad_ns is None:
        return ""
    verdict = "" if cost.verdict == "VALID" else f" {cost.verdict}"
    return f"{cost.latency_ns / 1e3:,.2f} +- {cost.latency_mad_ns / 1e3:,.2f} us{verdict}"


def _show_classes(each: Evaluated, names: tuple[str, ...]) -> None:
    scores: Any = each.scores
    if not hasattr(scores, "classes"):
        return
    rows: list[tuple[str, ...]] = [
        (
            _class(one.label, names),
            f"{one.samples:,}",
            f"{one.precision:.4f}",
            f"{one.recall:.4f}",
            f"{one.f1:.4f}",
            _number(one.roc_auc),
        )
        for one in scores.classes[:_CLASSES_SHOWN]
    ]
    for name, average in (("macro", scores.macro), ("micro", scores.micro)):
        figures = (f"{figure:.4f}" for figure in (average.precision, average.recall, average.f1))
        rows.append((name, "", *figures, _number(scores.roc_auc) if name == "macro" else ""))
    headers = ("class", "samples", "precision", "recall", "F1", "ROC AUC")
    table(headers, rows, title=each.name, right=range(1, 6))
    if len(scores.classes) > _CLASSES_SHOWN:
        note(f"{len(scores.classes) - _CLASSES_SHOWN} more classes: see --json")
    _show_confusion(scores, names)


def _show_confusion(scores: ClassificationScores, names: tuple[str, ...]) -> None:
    if len(scores.classes) > _CONFUSION_SHOWN:
        return
    shown = [_class(one.label, names) for one in scores.classes]
    rows = [(name, *row) for name, row in zip(shown, scores.confusion, strict=True)]
    table(("true \\ predicted", *shown), rows, right=range(1, len(shown) + 1))


def _show_notes(each: Evaluated) -> None:
    if each.cost is not None and each.cost.note is not None:
        note(f"{each.name}: neither latency nor instructions: {each.cost.note}")
    agreed = each.agreement
    if agreed is not None and agreed.differing:
        note(
            f"{each.name}: {agreed.differing} of {agreed.samples} answers differ, "
            f"first that to sample {agreed.first_differing}"
        )
    for path in each.plots:
        note(f"written: {path}")


def _class(label: int, names: tuple[str, ...]) -> str:
    return names[label] if label < len(names) else str(label)


def _percent(share: float) -> str:
    return f"{share:.2%}"


def _number(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.4g}" if abs(figure) >= 1e4 else f"{figure:.4f}"


def _grouped(figure: int | None) -> str:
    return "" if figure is None else f"{figure:,}"

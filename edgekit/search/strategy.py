"""Which candidates to measure, and which of them again.

The spaces of templates are small: some dozens of points in all, in the templates' order of preference. So
they are enumerated until some points in a row are no better than one before them. The best are
measured once more with more runs (successive halving, for scores that have noise; counted instructions need
one round).

On the 21 convolutions of MobileNetV2, all points of their preferred template measured twice (x86 with
AVX512-VNNI), that takes 111 and 116 trials of 243, and what it finds takes less than 0.1 % more time than the
best.

TVM's MetaSchedule was tried in this place, with a sampled decision for the candidate, its evolutionary
strategy and a model of the cost that learns from the scores: on the 31 workloads of MobileNetV2 (x86 with
AVX512-VNNI, 396 candidates, all measured) it came within 2 % of the best after 5.2 trials on average,
enumeration after 2.1. It takes 0.7 s a workload to propose them and 4 s to import, and which candidates a
small budget sees depends on a seed. Its replaying strategy measured 64 candidates to see 21 different
ones.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgekit.schedule.template import Choice

_PROMISING = 1.5  # times the best score: a template whose first point is no worse is worth its others
_PATIENCE = 4  # points in a row that are no better, after which a template's others are not tried
_FINALISTS = 4
_CLOSE = 1.15  # times the best score: what noise may have put behind
FIRST_RUNS, FINAL_RUNS = 9, 60


def proposals(candidates: Sequence[Choice], known: Mapping[Choice, float]) -> tuple[Choice, ...]:
    """The candidates of a task to measure next, in that order; none when enough is known.

    Of the preferred template, all points up to a few past the best one. Of each other that fits, the first
    point; more of them, up to a few past their best, only where that one comes close.
    """
    points = {
        choice.template: [c for c in candidates if c.template == choice.template] for choice in candidates
    }
    preferred = candidates[0].template
    wanted = [
        choice
        for template, some in points.items()
        for choice in (_up_to_past_the_best(some, known) if template == preferred else some[:1])
    ]
    missing = tuple(choice for choice in wanted if choice not in known)
    if missing:
        return missing
    promising = _PROMISING * min(known[choice] for choice in wanted)
    return tuple(
        choice
        for some in points.values()
        if known[some[0]] <= promising
        for choice in _up_to_past_the_best(some, known)
        if choice not in known
    )


def _up_to_past_the_best(points: Sequence[Choice], known: Mapping[Choice, float]) -> Sequence[Choice]:
    """The points of a template that are worth a trial, as far as is known."""
    scores = [known.get(choice, math.inf) for choice in points]
    return points[: scores.index(min(scores)) + 1 + _PATIENCE]


def finalists(scores: Mapping[Choice, float]) -> tuple[Choice, ...]:
    """The candidates to measure again; none where one is clearly the best."""
    ordered = sorted(scores, key=lambda choice: scores[choice])
    close = [choice for choice in ordered if scores[choice] <= _CLOSE * scores[ordered[0]]]
    return tuple(close[:_FINALISTS]) if len(close) > 1 else ()

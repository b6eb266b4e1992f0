"""Which candidates to measure, and which of them again.

The spaces of templates are small: some dozens of points in all, in the templates' order of preference. So
they are enumerated, and the best are measured once more with more runs (successive halving, for scores
that have noise; counted instructions need one round).

TVM's MetaSchedule was tried in this place, with a sampled decision for the candidate, its evolutionary
strategy and a model of the cost that learns from the scores: on the 31 workloads of MobileNetV2 (x86 with
AVX512-VNNI, 396 candidates, all measured) it came within 2 % of the best after 5.2 trials on average,
enumeration after 2.1. It takes 0.7 s a workload to propose them and 4 s to import, and which candidates a
small budget sees depends on a seed. Its replaying strategy measured 64 candidates to see 21 different
ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgekit.schedule.template import Choice

_PROMISING = 1.5  # times the best score: a template whose first point is no worse is worth its others
_FINALISTS = 4
_CLOSE = 1.15  # times the best score: what noise may have put behind
FIRST_RUNS, FINAL_RUNS = 9, 60


def proposals(candidates: Sequence[Choice], known: Mapping[Choice, float]) -> tuple[Choice, ...]:
    """The candidates of a task to measure next, in that order; none when enough is known.

    First all points of the preferred template and the first one of each other that fits; of those others, the
    rest only where that one comes close.
    """
    preferred = candidates[0].template
    first = {choice.template: choice for choice in reversed(candidates)}
    missing = [
        choice
        for choice in candidates
        if choice not in known and (choice.template == preferred or choice is first[choice.template])
    ]
    if missing:
        return tuple(missing)
    promising = _PROMISING * min(known[choice] for choice in candidates if choice in known)
    return tuple(
        choice for choice in candidates if choice not in known and known[first[choice.template]] <= promising
    )


def finalists(scores: Mapping[Choice, float]) -> tuple[Choice, ...]:
    """The candidates to measure again; none where one is clearly the best."""
    ordered = sorted(scores, key=lambda choice: scores[choice])
    close = [choice for choice in ordered if scores[choice] <= _CLOSE * scores[ordered[0]]]
    return tuple(close[:_FINALISTS]) if len(close) > 1 else ()

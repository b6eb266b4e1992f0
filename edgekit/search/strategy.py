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

_PER_TEMPLATE = (48, 3)  # points of the preferred template, and of each other one that fits
_FINALISTS = 4
_CLOSE = 1.15  # times the best score: what noise may have put behind
FIRST_RUNS, FINAL_RUNS = 9, 60


def proposals(candidates: Sequence[Choice]) -> tuple[Choice, ...]:
    """The candidates of a task that are worth a measurement, in the order to measure them."""
    taken: dict[str, int] = {}
    chosen = []
    for choice in candidates:
        limit = _PER_TEMPLATE[choice.template != candidates[0].template]
        taken[choice.template] = taken.get(choice.template, 0) + 1
        if taken[choice.template] <= limit:
            chosen.append(choice)
    return tuple(chosen)


def finalists(scores: Mapping[Choice, float]) -> tuple[Choice, ...]:
    """The candidates to measure again; none where one is clearly the best."""
    ordered = sorted(scores, key=lambda choice: scores[choice])
    close = [choice for choice in ordered if scores[choice] <= _CLOSE * scores[ordered[0]]]
    return tuple(close[:_FINALISTS]) if len(close) > 1 else ()

"""Who wins a race, and when nobody does; from made-up ratios."""

from __future__ import annotations

import dataclasses

import pytest

from edgekit.measurement import Assessment, Ratio, Verdict
from edgekit.profile import InstructionRace, Winner
from edgekit.profile.race import decide

SURE = Assessment(verdict=Verdict.VALID, reasons=(), unseen=())


@pytest.mark.parametrize(
    ("ratio", "winner"),
    [
        (Ratio(1.5, 1.4, 1.6), Winner.EDGEKIT),
        (Ratio(0.8, 0.7, 0.9), Winner.LITERT),
        (Ratio(1.05, 0.99, 1.1), Winner.NOBODY),
        (Ratio(0.95, 0.9, 1.0), Winner.NOBODY),
    ],
)
def test_only_an_interval_that_leaves_no_doubt_has_a_winner(ratio: Ratio, winner: Winner) -> None:
    assert decide(ratio, SURE) is winner


def test_a_degraded_measurement_may_name_a_winner_and_an_invalid_one_may_not() -> None:
    ratio = Ratio(2.0, 1.9, 2.1)
    assert decide(ratio, dataclasses.replace(SURE, verdict=Verdict.DEGRADED)) is Winner.EDGEKIT
    assert decide(ratio, dataclasses.replace(SURE, verdict=Verdict.INVALID)) is Winner.NOBODY


def test_a_race_of_instructions_speaks_of_no_time() -> None:
    names = [field.name for field in dataclasses.fields(InstructionRace)]
    assert not [n for n in names for word in ("time", "_ns", "second", "latency", "winner") if word in n]

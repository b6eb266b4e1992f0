"""Batches: whoever runs them and however they are cut, the answers are those of one machine."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.errors import DeviceUnreachableError
from edgekit.evaluate.batches import run_batches
from edgekit.evaluate.predict import evenly

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.evaluate.batches import Arrays


def silent(_stage: str, _share: float | None) -> None:
    """Progress that nobody watches."""


def square(batch: Arrays) -> Arrays:
    return batch[0] ** 2, batch[0][:, :1] + batch[1]


def inputs(samples: int) -> tuple[NDArray[Any], ...]:
    numbers = np.arange(samples * 3).reshape(samples, 3)
    return numbers, numbers[:, :1] * 7


@given(samples=st.integers(1, 200), workers=st.integers(1, 5))
def test_several_machines_give_the_answers_of_one(samples: int, workers: int) -> None:
    whole = square(inputs(samples))
    found = run_batches(inputs(samples), [square] * workers, stage="", progress=silent)
    for one, other in zip(found, whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_slow_machine_holds_up_none() -> None:
    others_done = threading.Event()
    taken: list[str] = []

    def slow(batch: Arrays) -> Arrays:
        taken.append("slow")
        assert others_done.wait(30)
        return square(batch)

    def quick(batch: Arrays) -> Arrays:
        taken.append("quick")
        if batch[0][-1, 0] == 3 * 99:
            others_done.set()
        return square(batch)

    found = run_batches(inputs(100), [slow, quick], stage="", progress=silent)
    np.testing.assert_array_equal(found[0], square(inputs(100))[0])
    assert taken.count("slow") <= 1


def test_a_machine_that_fails_stops_the_others_and_is_the_news() -> None:
    served, tried = [], threading.Event()

    def lost(batch: Arrays) -> Arrays:
        tried.set()
        raise DeviceUnreachableError("Lost.", why="It is.", fix="None.")

    def well(batch: Arrays) -> Arrays:
        assert tried.wait(30)
        threading.Event().wait(0.1)  # time enough for the other's failure to be known
        served.append(len(batch[0]))
        return square(batch)

    with pytest.raises(DeviceUnreachableError, match="Lost"):
        run_batches(inputs(10), [lost], stage="", progress=silent)
    with pytest.raises(DeviceUnreachableError, match="Lost"):
        run_batches(inputs(100_000), [well, lost], stage="", progress=silent)
    assert sum(served) < 100_000


def test_progress_goes_from_nothing_to_all() -> None:
    told: list[tuple[str, float | None]] = []
    run_batches(inputs(50), [square], stage="here", progress=lambda *what: told.append(what))
    shares = [share or 0.0 for _, share in told]
    assert {stage for stage, _ in told} == {"here"}
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert shares == sorted(shares)


@given(total=st.integers(1, 10_000), limit=st.integers(1, 10_000))
def test_a_part_lies_evenly_among_all(total: int, limit: int) -> None:
    found = evenly(total, limit)
    assert len(found) == min(total, limit)
    assert found[0] == 0
    steps = np.diff(found)
    assert not len(steps) or (steps.min() >= 1 and steps.max() - steps.min() <= 1)
    assert total - found[-1] >= (1 if not len(steps) else steps.min())

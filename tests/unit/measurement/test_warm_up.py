"""The end of a warm-up, with made-up times and a made-up clock."""

from __future__ import annotations

from itertools import count, repeat

from edgekit.measurement import is_steady, warm_up


def test_ten_equal_times_are_steady_and_nine_are_not_enough() -> None:
    assert is_steady([1.0] * 10)
    assert not is_steady([1.0] * 9)


def test_times_that_still_fall_are_not_steady() -> None:
    assert not is_steady([20.0 - n for n in range(10)])


def test_one_disturbed_time_does_not_keep_the_rest_from_being_steady() -> None:
    assert is_steady([1.0, 1.0, 1.0, 9.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])


def test_a_warm_up_ends_with_the_first_steady_times() -> None:
    falling = iter([5.0, 4.0, 3.0, 2.0, *repeat(1.0, 20)])
    done = warm_up(lambda: next(falling))
    assert done.is_steady
    assert done.rounds == 12  # of the two windows of five, each needs three ones for its median


def test_times_that_never_settle_are_given_up() -> None:
    growing, seconds = count(1), count()
    done = warm_up(lambda: 2.0 ** next(growing), most_seconds=20.0, clock=lambda: float(next(seconds)))
    assert not done.is_steady
    assert done.rounds == 20


def test_something_slow_is_measured_once_at_least() -> None:
    seconds = count(step=100)
    done = warm_up(lambda: 1.0, most_seconds=5.0, clock=lambda: float(next(seconds)))
    assert (done.rounds, done.is_steady) == (1, False)

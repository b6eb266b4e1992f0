"""Broadcasting with merged axes is numpy's broadcasting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.compute.broadcast import Broadcast, broadcast


@given(
    result=st.lists(st.integers(1, 4), max_size=6),
    keep=st.tuples(
        st.lists(st.booleans(), min_size=6, max_size=6), st.lists(st.booleans(), min_size=6, max_size=6)
    ),
    drop=st.tuples(st.integers(0, 6), st.integers(0, 6)),
)
def test_merged_axes_pair_the_same_elements(
    result: list[int], keep: tuple[list[bool], list[bool]], drop: tuple[int, int]
) -> None:
    first, second = (
        tuple(size if kept else 1 for size, kept in zip(result, kepts, strict=False))[dropped:]
        for kepts, dropped in zip(keep, drop, strict=True)
    )
    merged = broadcast(first, second)
    assert merged is not None
    a, b = (np.arange(np.prod(shape, dtype=int)).reshape(shape) for shape in (first, second))
    plain = a * 10000 + b
    short = a.reshape(merged.first) * 10000 + b.reshape(merged.second)
    assert short.shape == merged.result
    np.testing.assert_array_equal(short.ravel(), plain.ravel())


@pytest.mark.parametrize(
    ("first", "second", "merged"),
    [
        ((), (), Broadcast(result=(1,), first=(1,), second=(1,))),
        ((2, 3, 4), (2, 3, 4), Broadcast(result=(24,), first=(24,), second=(24,))),
        ((1, 8, 8, 16), (16,), Broadcast(result=(64, 16), first=(64, 16), second=(1, 16))),
        ((5, 6), (1,), Broadcast(result=(30,), first=(30,), second=(1,))),
        ((3, 1), (1, 4), Broadcast(result=(3, 4), first=(3, 1), second=(1, 4))),
    ],
)
def test_neighbours_that_are_treated_alike_become_one(
    first: tuple[int, ...], second: tuple[int, ...], merged: Broadcast
) -> None:
    assert broadcast(first, second) == merged


def test_shapes_that_do_not_fit_give_none() -> None:
    assert broadcast((2, 3), (2,)) is None

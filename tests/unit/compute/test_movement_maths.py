"""The vocabulary of data movement, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.compute.movement import Span, collapse, collapse_permutation, lookup, take

SPANS = st.lists(
    st.integers(1, 6).flatmap(
        lambda extent: st.integers(0, extent - 1).flatmap(
            lambda begin: st.sampled_from([-2, -1, 1, 2]).flatmap(
                lambda stride: st.integers(
                    1, (extent - 1 - begin if stride > 0 else begin) // abs(stride) + 1
                ).map(lambda size: Span(extent, begin, size, stride))
            )
        )
    ),
    max_size=4,
)


@given(SPANS)
def test_collapsing_keeps_the_elements_and_their_order(spans: list[Span]) -> None:
    array = np.arange(int(np.prod([span.extent for span in spans])))
    few = collapse(spans)
    whole = take(array.reshape([span.extent for span in spans]), spans)
    np.testing.assert_array_equal(
        take(array.reshape([span.extent for span in few]), few).ravel(), whole.ravel()
    )


@given(SPANS)
def test_one_span_of_stride_one_is_left_exactly_for_contiguous_elements(spans: list[Span]) -> None:
    array = np.arange(int(np.prod([span.extent for span in spans])))
    taken = take(array.reshape([span.extent for span in spans]), spans).ravel()
    few = collapse(spans)
    assert (len(few) == 1 and few[0].stride == 1) == bool((np.diff(taken) == 1).all())


def test_whole_axes_merge() -> None:
    assert collapse([Span.all_of(2), Span.all_of(3), Span.all_of(4)]) == (Span.all_of(24),)
    assert collapse([Span(1, 0, 1), Span(9, 2, 5), Span.all_of(8)]) == (Span(72, 16, 40),)
    assert collapse([Span(9, 2, 5), Span(8, 0, 4)]) == (Span(9, 2, 5), Span(8, 0, 4))
    assert collapse([]) == (Span.all_of(1),)


@given(st.data())
def test_a_collapsed_permutation_is_the_same_one(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    order = data.draw(st.permutations(range(len(shape))))
    few_shape, few_order = collapse_permutation(shape, order)
    array = np.arange(int(np.prod(shape)))
    expected = np.transpose(array.reshape(shape), order).ravel()
    actual = np.transpose(array.reshape(few_shape), few_order).ravel()
    np.testing.assert_array_equal(actual, expected)


def test_a_permutation_that_only_moves_ones_vanishes() -> None:
    assert len(collapse_permutation((1, 4, 1, 3), (0, 2, 1, 3))[1]) == 1
    assert collapse_permutation((2, 3, 4, 5), (2, 3, 0, 1)) == ((6, 20), (1, 0))


@pytest.mark.parametrize("table", [[0], [0, 1, 2], [0, 3, 6], [0, 0, 1, 1, 2], [0, 0, 0]])
def test_plain_sequences_need_no_table(table: list[int]) -> None:
    def refuse() -> None:
        raise AssertionError("a table is made")

    at = lookup(np.array(table, np.int32), refuse)
    assert [at(i) for i in range(len(table))] == table


@pytest.mark.parametrize("table", [[1, 2, 3], [0, 1, 3], [0, 0, 0, 1, 1], [-5, -4], [5]])
def test_other_sequences_are_looked_up(table: list[int]) -> None:
    at = lookup(np.array(table, np.int32), lambda: table)
    assert [at(i) for i in range(len(table))] == table

"""Arrays that differ are told apart, with the elements named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgekit.testing.int8 import assert_same_bits


@given(hnp.arrays(np.int8, hnp.array_shapes()))
def test_an_array_equals_its_copy(array: np.ndarray) -> None:
    assert_same_bits(array.copy(), array)


@given(hnp.arrays(np.int8, st.integers(1, 50)), st.data())
def test_one_changed_element_is_noticed(array: np.ndarray, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, array.size - 1))
    changed = array.copy()
    changed[place] ^= data.draw(st.integers(1, 127))
    with pytest.raises(AssertionError, match=rf"1 of {array.size} elements differ; first at \[{place}\]"):
        assert_same_bits(changed, array)


def test_the_worst_element_is_found_without_wrapping_around() -> None:
    # In int8, -128 minus 127 is 1: the worst error would look like the smallest.
    actual, expected = np.array([[0, -128, 3]], np.int8), np.array([[5, 127, 3]], np.int8)
    with pytest.raises(AssertionError, match=r"2 of 3 .* worst at \[0, 1\]: -128 instead of 127"):
        assert_same_bits(actual, expected, "output 0")


def test_type_and_shape_count() -> None:
    zeros = np.zeros((2, 2), np.int8)
    with pytest.raises(AssertionError, match="is uint8, expected int8"):
        assert_same_bits(zeros.astype(np.uint8), zeros)
    with pytest.raises(AssertionError, match="shape"):
        assert_same_bits(zeros.reshape(4), zeros)


def test_floats_are_compared_as_bits() -> None:
    nan = np.array([np.nan, 0.0], np.float32)
    assert_same_bits(nan, nan.copy())
    with pytest.raises(AssertionError, match="1 of 2"):
        assert_same_bits(nan, np.array([np.nan, -0.0], np.float32))


def test_scalars_and_empty_arrays_compare() -> None:
    assert_same_bits(np.asarray(3, np.int32), np.asarray(3, np.int32))
    assert_same_bits(np.zeros(0, np.int8), np.zeros(0, np.int8))

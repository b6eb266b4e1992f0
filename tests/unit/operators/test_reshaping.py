"""RESHAPE, SQUEEZE, EXPAND_DIMS and SHAPE."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.lower import moves
from edgekit.lower.operators import reshaping
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import assert_matches_litert, assert_matches_oracle, assert_refused

# What the oracle lacks, and why LiteRT's reference kernels stand in.
LITERT_REFERENCED = {"EXPAND_DIMS of int32": "TFLite Micro expands int8, int16 and float32 only."}


def reshaped(
    kind: str, before: tuple[int, ...], after: tuple[int, ...], dtype: str = "int8", **options: Any
) -> bytes:
    """A doubled input, reshaped, so that neither side is an edge of the model."""
    model = ModelBuilder()
    x = model.input(before, dtype)
    more = [model.constant(np.array(options.pop("axis"), np.int32))] if "axis" in options else []
    y = model.op(kind, [x, *more], spec(after, dtype), **options)
    size = int(np.prod(before))
    model.op("RESHAPE", [y], spec((size, 1), dtype), new_shape=(size, 1))
    return model.build()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((2, 3, 4), (24,)),
        ((1,), (1, 1, 1)),
        ((6,), (1, 2, 1, 3)),
        ((), (1,)),
        ((1,), ()),
        ((5, 1, 2, 1, 3), (3, 10)),
    ],
)
@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "float32"])
def test_a_reshape_keeps_the_bytes(before: tuple[int, ...], after: tuple[int, ...], dtype: str) -> None:
    assert_matches_oracle(reshaped("RESHAPE", before, after, dtype))


def test_a_reshape_to_a_computed_shape_takes_the_shape_of_its_output() -> None:
    model = ModelBuilder()
    x = model.input((1, 12), scale=0.5)
    sizes = model.op("SHAPE", [x], spec((2,), "int32"), out_type="INT32")
    begin, end, stride = (model.constant(np.array([n], np.int32)) for n in (0, 1, 1))
    batch = model.op("STRIDED_SLICE", [sizes, begin, end, stride], spec((), "int32"), shrink_axis_mask=1)
    rest = [model.constant(np.array(n, np.int32)) for n in (3, 4)]
    shape = model.op("PACK", [batch, *rest], spec((3,), "int32"), values_count=3, axis=0)
    model.op("RESHAPE", [x, shape], spec((1, 3, 4), scale=0.5))
    assert_matches_oracle(model.build())


@pytest.mark.parametrize(
    ("before", "axes", "after"),
    [
        ((1, 3, 1, 4), (), (3, 4)),
        ((1, 3, 1, 4), (0,), (3, 1, 4)),
        ((1, 3, 1), (-1, 0), (3,)),
        ((1, 1), (), ()),
    ],
)
def test_squeeze_leaves_out_axes_of_size_one(
    before: tuple[int, ...], axes: tuple[int, ...], after: tuple[int, ...]
) -> None:
    assert_matches_oracle(reshaped("SQUEEZE", before, after, squeeze_dims=axes))


@pytest.mark.parametrize(
    ("axis", "after"), [(0, (1, 2, 3)), (1, (2, 1, 3)), (2, (2, 3, 1)), (-1, (2, 3, 1)), (-3, (1, 2, 3))]
)
def test_expand_dims_adds_an_axis(axis: int, after: tuple[int, ...]) -> None:
    assert_matches_oracle(reshaped("EXPAND_DIMS", (2, 3), after, axis=axis))


def test_expand_dims_of_integers_is_what_litert_makes_of_it() -> None:
    assert_matches_litert(reshaped("EXPAND_DIMS", (2, 3), (2, 3, 1), "int32", axis=-1))


@pytest.mark.parametrize("shape", [(1,), (2, 3), (1, 2, 3, 4, 5)])
def test_shape_gives_the_sizes(shape: tuple[int, ...]) -> None:
    model = ModelBuilder()
    x = model.input(shape)
    model.op("SHAPE", [x], spec((len(shape),), "int32"), out_type="INT32")
    assert_matches_oracle(model.build())


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_any_reshape_keeps_the_bytes(sizes: list[int], random: Random) -> None:
    after = list(sizes)
    random.shuffle(after)
    assert_matches_oracle(reshaped("RESHAPE", tuple(sizes), tuple(after)))


# --------------------------------------------------------------------------------------- rules


def test_a_reshape_to_another_size_is_refused() -> None:
    model = ModelBuilder()
    model.op("RESHAPE", [model.input((2, 3))], spec((7,)))
    assert "[2, 3] and [7]" in assert_refused(model.build(), moves.sizes_agree)


def test_a_reshape_to_another_type_is_refused() -> None:
    model = ModelBuilder()
    model.op("RESHAPE", [model.input((2, 3))], spec((6,), "uint8"))
    assert_refused(model.build(), moves.types_agree)


def test_booleans_are_not_moved() -> None:
    model = ModelBuilder()
    model.op("RESHAPE", [model.input((2, 3), "bool")], spec((6,), "bool"))
    assert_refused(model.build(), moves.values_can_be_moved)


@pytest.mark.parametrize(
    ("before", "axes", "after"), [((2, 1), (0,), (1,)), ((2, 1), (2,), (2,)), ((1, 2, 1), (0,), (1, 2))]
)
def test_squeezing_what_is_larger_than_one_is_refused(
    before: tuple[int, ...], axes: tuple[int, ...], after: tuple[int, ...]
) -> None:
    assert_refused(
        reshaped("SQUEEZE", before, after, squeeze_dims=axes), reshaping.squeezed_axes_have_one_index
    )


def test_expanding_at_a_computed_axis_is_refused() -> None:
    model = ModelBuilder()
    x, axis = model.input((2, 3)), model.input((1,), "int32")
    model.op("EXPAND_DIMS", [x, axis], spec((1, 2, 3)))
    assert_refused(model.build(), reshaping.expanded_axis_is_constant)


@pytest.mark.parametrize(("axis", "after"), [(3, (2, 3, 1)), (-4, (1, 2, 3)), (0, (2, 1, 3))])
def test_expanding_to_another_shape_is_refused(axis: int, after: tuple[int, ...]) -> None:
    assert_refused(reshaped("EXPAND_DIMS", (2, 3), after, axis=axis), reshaping.expanded_axis_fits)


def test_a_shape_of_another_rank_is_refused() -> None:
    model = ModelBuilder()
    model.op("SHAPE", [model.input((2, 3))], spec((3,), "int32"), out_type="INT32")
    assert_refused(model.build(), reshaping.shape_has_one_value_per_axis)

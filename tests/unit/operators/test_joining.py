"""CONCATENATION and PACK."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.lower.operators import joining
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import assert_matches_litert, assert_matches_oracle, assert_refused

# What the oracle lacks, and why LiteRT's reference kernels stand in.
LITERT_REFERENCED = {"CONCATENATION of more than 10 tensors": "TFLite Micro has room for 10 inputs."}

Shape = tuple[int, ...]


def concatenated(
    shapes: list[Shape], axis: int, dtype: str = "int8", out: Shape | None = None, **more: Any
) -> bytes:
    """CONCATENATION of inputs."""
    model = ModelBuilder()
    like: dict[str, Any] = {} if dtype in ("int32", "float32") else {"scale": 0.5, "zero_point": 3}
    real = axis % len(shapes[0]) if out is None else 0
    first = shapes[0]
    out = out or (*first[:real], sum(shape[real] for shape in shapes), *first[real + 1 :])
    inputs = [model.input(shape, dtype, **like) for shape in shapes]
    model.op("CONCATENATION", inputs, spec(out, dtype, **like), axis=axis, **more)
    return model.build()


def packed(count: int, shape: Shape, axis: int, out: Shape | None = None, dtype: str = "int8") -> bytes:
    """PACK of inputs."""
    model = ModelBuilder()
    real = axis % (len(shape) + 1) if out is None else 0
    out = out or (*shape[:real], count, *shape[real:])
    inputs = [model.input(shape, dtype) for _ in range(count)]
    model.op("PACK", inputs, spec(out, dtype), values_count=count, axis=axis)
    return model.build()


@pytest.mark.parametrize(
    ("shapes", "axis"),
    [
        ([(2, 3), (4, 3)], 0),
        ([(2, 3), (2, 1)], 1),
        ([(2, 3), (2, 1), (2, 5)], -1),
        ([(1, 4, 5, 3), (1, 4, 5, 8)], 3),
        ([(1, 4, 5, 3), (1, 2, 5, 3)], 1),
        ([(1, 4, 5, 16), (1, 4, 5, 32), (1, 4, 5, 1)], -1),
        ([(1,), (1,)], 0),
        ([(1, 7)], 1),
        ([(1, 1, 1, 1, 3), (1, 1, 1, 1, 2)], 4),
        ([(2, 2, 2), (2, 3, 2), (2, 1, 2)], 1),
    ],
)
@pytest.mark.parametrize("dtype", ["int8", "int32"])
def test_concatenation_puts_tensors_side_by_side(shapes: list[Shape], axis: int, dtype: str) -> None:
    assert_matches_oracle(concatenated(shapes, axis, dtype))


@pytest.mark.parametrize("dtype", ["int16", "int64", "float32"])
def test_concatenation_of_other_types(dtype: str) -> None:
    model = ModelBuilder()
    like: dict[str, Any] = {} if dtype != "int16" else {"scale": 0.5}
    inputs = [model.input((2, width), dtype, **like) for width in (3, 2)]
    model.op("CONCATENATION", inputs, spec((2, 5), dtype, **like), axis=1)
    assert_matches_oracle(model.build())


def test_more_inputs_than_the_oracle_takes_are_what_litert_makes_of_them() -> None:
    assert_matches_litert(concatenated([(2, width) for width in range(1, 13)], 1))


def test_a_constant_may_be_joined() -> None:
    model = ModelBuilder()
    x, row = model.input((1, 4)), model.constant(np.array([[1, 2, 3, 4]], np.int8))
    model.op("CONCATENATION", [row, x, row], spec((3, 4)), axis=0)
    assert_matches_oracle(model.build())


def test_a_tensor_may_be_joined_with_itself() -> None:
    model = ModelBuilder()
    x = model.op("RESHAPE", [model.input((4,))], spec((1, 4)))
    twice = model.op("CONCATENATION", [x, x], spec((2, 4)), axis=0)
    model.op("CONCATENATION", [twice, x, twice], spec((5, 4)), axis=0)
    assert_matches_oracle(model.build())


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_pack_adds_an_axis(axis: int, count: int) -> None:
    assert_matches_oracle(packed(count, (3, 4), axis))


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64", "float32"])
def test_pack_of_other_types(dtype: str) -> None:
    assert_matches_oracle(packed(2, (3,), 0, dtype=dtype))


def test_pack_of_scalars() -> None:
    assert_matches_oracle(packed(3, (), 0))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.data())
def test_any_concatenation_matches(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    before = tuple(data.draw(st.lists(st.integers(1, 3), max_size=2)))
    after = tuple(data.draw(st.lists(st.integers(1, 3), max_size=2)))
    assert_matches_oracle(concatenated([(*before, size, *after) for size in sizes], len(before)))


# --------------------------------------------------------------------------------------- rules


def test_joining_two_types_is_refused() -> None:
    model = ModelBuilder()
    inputs = [model.input((2,)), model.input((2,), "uint8")]
    model.op("CONCATENATION", inputs, spec((4,)), axis=0)
    assert_refused(model.build(), joining.all_inputs_have_one_type)


@pytest.mark.parametrize(("scale", "zero_point"), [(0.25, 3), (0.5, 4)])
def test_joining_two_scales_is_refused(scale: float, zero_point: int) -> None:
    model = ModelBuilder()
    inputs = [
        model.input((2,), scale=0.5, zero_point=3),
        model.input((2,), scale=scale, zero_point=zero_point),
    ]
    model.op("CONCATENATION", inputs, spec((4,), scale=0.5, zero_point=3), axis=0)
    assert_refused(model.build(), joining.inputs_are_scaled_alike)


def test_a_fused_activation_is_refused() -> None:
    model = concatenated([(2,), (2,)], 0, fused_activation_function="RELU")
    assert_refused(model, joining.has_no_activation)


@pytest.mark.parametrize("axis", [2, -3])
def test_joining_along_a_missing_axis_is_refused(axis: int) -> None:
    assert_refused(concatenated([(2, 3), (2, 3)], axis, out=(4, 3)), joining.joined_axis_exists)


@pytest.mark.parametrize("shapes", [[(2, 3), (2, 4)], [(2, 3), (3, 3)], [(6,), (6,)], [(2, 3)]])
def test_joining_to_another_shape_is_refused(shapes: list[Shape]) -> None:
    assert_refused(concatenated(shapes, 0, out=(4, 3)), joining.joined_shapes_agree)


@pytest.mark.parametrize(("count", "shape"), [(3, (3,)), (2, (2,)), (2, (1, 3))])
def test_packing_to_another_shape_is_refused(count: int, shape: Shape) -> None:
    assert_refused(packed(count, shape, 0, out=(2, 3)), joining.packed_shapes_agree)

"""ADD, SUB, MUL, MAXIMUM, MINIMUM and PRELU against the reference."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.lower.operators.elementwise import (
    input_is_scalable,
    integers_are_plain,
    operands_are_int8,
    operands_have_one_type,
    product_is_scalable,
    shapes_broadcast,
    sum_is_scalable,
)
from edgekit.lower.rules import fused_activation_is_a_clamp, operands_are_per_tensor
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import assert_matches_oracle, assert_refused

if TYPE_CHECKING:
    from collections.abc import Sequence

Shape = tuple[int, ...]
Scale = tuple[float, int]

_SUMS = ("ADD", "SUB")
_FUSING = (*_SUMS, "MUL")
_KINDS = (*_FUSING, "MAXIMUM", "MINIMUM", "PRELU")
_SCALES: tuple[Scale, ...] = ((0.05, -3), (0.031, 7), (0.07, 11))
_BROADCASTS: list[tuple[Shape, Shape]] = [
    ((), ()),
    ((), (3,)),
    ((5,), (5,)),
    ((2, 3, 4, 5), (2, 3, 4, 5)),
    ((2, 3, 4, 5), (5,)),
    ((2, 3, 4, 5), (1,)),
    ((5,), (2, 3, 4, 5)),
    ((2, 3, 4, 5), (1, 3, 1, 5)),
    ((2, 3, 4, 5), (2, 1, 4, 1)),
    ((1, 3, 4, 1), (2, 1, 1, 5)),
    ((1, 1, 1, 17), (1, 6, 6, 17)),
    ((1, 6, 6, 1), (1, 1, 1, 17)),
    ((2, 2, 3, 2, 3), (3, 1, 3)),
    ((2, 1, 3, 1, 3, 1), (1, 2, 1, 2, 1, 5)),
    ((1, 3001), (1, 3001)),
]


def _model(
    kind: str,
    first: Shape,
    second: Shape,
    scales: Sequence[Scale] = _SCALES,
    constant: Any = None,
    activation: str = "NONE",
) -> bytes:
    """A model of one operator; `constant` is the second operand if it is one."""
    model = ModelBuilder()
    _add(model, kind, first, second, scales, constant, activation)
    return model.build()


def _add(
    model: ModelBuilder,
    kind: str,
    first: Shape,
    second: Shape,
    scales: Sequence[Scale] = _SCALES,
    constant: Any = None,
    activation: str = "NONE",
) -> None:
    """Add an operator with inputs of its own to a model."""
    a = model.input(first, "int8", *scales[0])
    b = model.input(second, "int8", *scales[1]) if constant is None else model.constant(constant, *scales[1])
    out = spec(np.broadcast_shapes(first, second), "int8", *scales[2])
    options: dict[str, Any] = {"fused_activation_function": activation} if kind in _FUSING else {}
    model.op(kind, [a, b], out, **options)


def _all_pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    """One frame that holds every pair of two int8 values."""
    values = np.arange(-128, 128).astype(np.int8)
    return [(np.repeat(values, 256).reshape(1, -1), np.tile(values, 256).reshape(1, -1))]


@pytest.mark.parametrize("kind", _KINDS)
def test_shapes_and_broadcasts(kind: str) -> None:
    model = ModelBuilder()
    for first, second in _BROADCASTS:
        _add(model, kind, first, second)
    assert_matches_oracle(model.build())


@pytest.mark.parametrize("kind", _KINDS)
def test_constant_operands(kind: str) -> None:
    random = np.random.default_rng(4)
    model = ModelBuilder()
    for shape in ((5,), (1, 3, 1, 5), (1,), (2, 3, 4, 5)):
        _add(model, kind, (2, 3, 4, 5), shape, constant=random.integers(-128, 128, shape).astype(np.int8))
    assert_matches_oracle(model.build())


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("zero_points", [(-128, -128, -128), (127, 127, 127), (-128, 127, 0), (127, -128, 5)])
def test_all_pairs_of_values_at_extreme_zero_points(kind: str, zero_points: tuple[int, int, int]) -> None:
    scales = list(zip((0.02, 0.05, 0.06), zero_points, strict=True))
    assert_matches_oracle(_model(kind, (1, 65536), (1, 65536), scales), _all_pairs())


@pytest.mark.parametrize("kind", _SUMS)
@pytest.mark.parametrize(
    "reals",
    [
        (0.1, 0.1, 0.1),
        (0.25, 1.0, 2.0),
        (1e-6, 3.0, 3.0),
        (3.0, 1e-30, 0.1),
        (0.1, 0.07, 1e4),
        (0.1, 0.3, 1e-6),
        (1.0, 0.5, 2.0**-19 * 1.01),
        (1e-38, 1e-38, 1e-38),
        (1e30, 1e30, 1e30),
        (0.1, 0.1, 1e38),
    ],
)
def test_sums_of_scales_far_apart(kind: str, reals: tuple[float, float, float]) -> None:
    scales = list(zip(reals, (-3, 5, 7), strict=True))
    assert_matches_oracle(_model(kind, (1, 65536), (1, 65536), scales), _all_pairs())


@pytest.mark.parametrize("kind", ["MUL", "PRELU"])
@pytest.mark.parametrize(
    "reals",
    [
        (0.1, 0.1, 0.1),
        (1.0, 1.0, 1.0),
        (4.0, 2.0, 0.001),
        (1.0, 1.0, 2.0**-14.5),
        (1e-5, 1e-6, 1.0),
        (1e-20, 1e-20, 1),
    ],
)
def test_products_of_scales_far_apart(kind: str, reals: tuple[float, float, float]) -> None:
    scales = list(zip(reals, (-3, 5, 7), strict=True))
    assert_matches_oracle(_model(kind, (1, 65536), (1, 65536), scales), _all_pairs())


@pytest.mark.parametrize("kind", _FUSING)
@pytest.mark.parametrize("activation", ["RELU", "RELU6", "RELU_N1_TO_1"])
def test_fused_activations(kind: str, activation: str) -> None:
    model = ModelBuilder()
    outputs = ((0.07, 0), (0.01, -128), (0.3, 127))
    for out in outputs:
        _add(model, kind, (1, 65536), (1, 65536), ((0.05, -3), (0.031, 7), out), activation=activation)
    assert_matches_oracle(model.build(), [_all_pairs()[0] * len(outputs)])


@pytest.mark.parametrize("kind", _SUMS)
def test_an_operand_with_itself(kind: str) -> None:
    model = ModelBuilder()
    x = model.input((3, 40), "int8", 0.1, 3)
    model.op(kind, [x, x], spec((3, 40), "int8", 0.2, -7))
    assert_matches_oracle(model.build())


def _int32_model(kind: str, first: Shape = (4, 9), second: Shape = (9,)) -> bytes:
    model = ModelBuilder()
    a, b = model.input(first, "int32"), model.input(second, "int32")
    model.op(kind, [a, b], spec(np.broadcast_shapes(first, second), "int32"))
    return model.build()


@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"])
def test_int32_wraps(kind: str) -> None:
    extremes = np.array([-(2**31), -(2**31) + 1, -65537, -1, 0, 1, 65537, 2**31 - 2, 2**31 - 1], np.int32)
    firsts = np.stack([np.roll(extremes, shift) for shift in range(4)])
    assert_matches_oracle(_int32_model(kind), [(firsts, extremes), (firsts[::-1].copy(), -extremes[::-1])])


_scales = st.floats(2.0**-12, 2.0**4, width=32)
_zero_points = st.integers(-128, 127)


@st.composite
def _broadcast_shapes(draw: st.DrawFn) -> tuple[Shape, Shape]:
    result = draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    shapes = []
    for _ in range(2):
        sizes = [size if draw(st.booleans()) else 1 for size in result]
        shapes.append(tuple(sizes[draw(st.integers(0, len(sizes) - 1)) :]))
    return shapes[0], shapes[1]


@given(
    kind=st.sampled_from(_KINDS),
    shapes=_broadcast_shapes(),
    scales=st.tuples(*[st.tuples(_scales, _zero_points)] * 3),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_any_parameters_agree_with_the_reference(
    kind: str, shapes: tuple[Shape, Shape], scales: Any, seed: int
) -> None:
    _check_any(kind, shapes, scales, seed)


@pytest.mark.full
@given(
    kind=st.sampled_from(_KINDS),
    shapes=_broadcast_shapes(),
    scales=st.tuples(*[st.tuples(_scales, _zero_points)] * 3),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=500, deadline=None)
def test_very_many_parameters_agree_with_the_reference(
    kind: str, shapes: tuple[Shape, Shape], scales: Any, seed: int
) -> None:
    _check_any(kind, shapes, scales, seed)


def _check_any(kind: str, shapes: tuple[Shape, Shape], scales: Any, seed: int) -> None:
    (first, _), (second, _), (out, _) = scales
    if kind in ("MUL", "PRELU") and first * second / out >= 2**15:
        return
    assert_matches_oracle(_model(kind, *shapes, scales), seed)


# ------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize("kind", _KINDS)
def test_mixed_types_are_refused(kind: str) -> None:
    rule = operands_are_int8 if kind == "PRELU" else operands_have_one_type
    for types in itertools.permutations(("int8", "int8", "int32")):
        model = ModelBuilder()
        a, b = (model.input((4,), dtype, 0.1) for dtype in types[:2])
        model.op(kind, [a, b], spec((4,), types[2], 0.1))
        assert ", ".join(types) in assert_refused(model.build(), rule)


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize(
    ("first", "second", "out"),
    [((2, 3), (2, 4), (2, 4)), ((2, 3), (3,), (3, 2)), ((2, 3), (3,), (6,)), ((1, 3), (3,), (2, 3))],
)
def test_shapes_that_do_not_fit_are_refused(kind: str, first: Shape, second: Shape, out: Shape) -> None:
    model = ModelBuilder()
    a, b = model.input(first, "int8", 0.1), model.input(second, "int8", 0.1)
    model.op(kind, [a, b], spec(out, "int8", 0.1))
    assert_refused(model.build(), shapes_broadcast)


@pytest.mark.parametrize("kind", [*_FUSING, "PRELU"])
def test_constants_with_a_scale_per_channel_are_refused(kind: str) -> None:
    model = ModelBuilder()
    a = model.input((4, 2), "int8", 0.1)
    b = model.constant(np.ones((4, 2), np.int8), [0.1, 0.2, 0.3, 0.4])
    model.op(kind, [a, b], spec((4, 2), "int8", 0.1))
    assert "4 scales" in assert_refused(model.build(), operands_are_per_tensor)


@pytest.mark.parametrize("kind", _FUSING)
def test_activations_that_are_no_clamp_are_refused(kind: str) -> None:
    assert "TANH" in assert_refused(_model(kind, (4,), (4,), activation="TANH"), fused_activation_is_a_clamp)


@pytest.mark.parametrize("kind", _FUSING)
def test_int32_with_a_scale_or_an_activation_is_refused(kind: str) -> None:
    for scale, activation in ((0.5, "NONE"), (None, "RELU")):
        model = ModelBuilder()
        a, b = model.input((4,), "int32", scale), model.input((4,), "int32")
        model.op(kind, [a, b], spec((4,), "int32"), fused_activation_function=activation)
        assert_refused(model.build(), integers_are_plain)


@pytest.mark.parametrize("kind", _SUMS)
@pytest.mark.parametrize("reals", [(1.0, 1.0, 2.0**-19), (1.0, 3e38, 1e-38)])
def test_sums_too_coarse_for_their_output_are_refused(kind: str, reals: tuple[float, float, float]) -> None:
    scales = list(zip(reals, (0, 0, 0), strict=True))
    assert_refused(_model(kind, (4,), (4,), scales), sum_is_scalable)


@pytest.mark.parametrize("kind", ["MUL", "PRELU"])
def test_products_too_coarse_for_their_output_are_refused(kind: str) -> None:
    assert_refused(_model(kind, (4,), (4,), ((1.0, 0), (1.0, 0), (2.0**-15, 0))), product_is_scalable)


def test_a_prelu_too_coarse_for_its_output_is_refused() -> None:
    assert_refused(_model("PRELU", (4,), (4,), ((1.0, 0), (1e-9, 0), (2.0**-23, 0))), input_is_scalable)

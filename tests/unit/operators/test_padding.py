"""PAD, PADV2 and MIRROR_PAD."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.lower import moves
from edgekit.lower.operators import padding
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import assert_matches_litert, assert_matches_oracle, assert_refused

# What the oracle lacks, and why LiteRT's reference kernels stand in.
LITERT_REFERENCED = {
    "PAD of uint8": "TFLite Micro pads int8, int16, int32 and float32 only.",
    "MIRROR_PAD of int32": "TFLite Micro mirrors int8 and float32 only.",
}

Paddings = tuple[tuple[int, int], ...]


def padded(
    shape: tuple[int, ...], paddings: Paddings, dtype: str = "int8", zero_point: int = 3, value: Any = None
) -> bytes:
    """PAD, or PADV2 with a value."""
    model = ModelBuilder()
    like: dict[str, Any] = {} if dtype in ("int32", "float32") else {"scale": 0.5, "zero_point": zero_point}
    out = tuple(n + before + after for n, (before, after) in zip(shape, paddings, strict=True))
    inputs = [model.input(shape, dtype, **like), model.constant(np.array(paddings, np.int32))]
    if value is not None:
        inputs.append(model.constant(np.array([value], dtype), **like))
    model.op("PADV2" if value is not None else "PAD", inputs, spec(out, dtype, **like))
    return model.build()


def mirrored(shape: tuple[int, ...], paddings: Paddings, mode: str, dtype: str = "int8") -> bytes:
    """MIRROR_PAD."""
    model = ModelBuilder()
    out = tuple(n + before + after for n, (before, after) in zip(shape, paddings, strict=True))
    inputs = [model.input(shape, dtype, scale=0.5), model.constant(np.array(paddings, np.int32))]
    model.op("MIRROR_PAD", inputs, spec(out, dtype, scale=0.5), mode=mode)
    return model.build()


_CASES = [
    ((1, 4, 5, 3), ((0, 0), (1, 2), (2, 1), (0, 0))),
    ((1, 4, 5, 3), ((0, 0), (0, 1), (0, 1), (0, 0))),
    ((1, 4, 5, 3), ((0, 0), (1, 0), (1, 0), (0, 0))),
    ((2, 3, 2, 2), ((1, 1), (1, 1), (1, 1), (1, 1))),
    ((2, 3, 4), ((0, 1), (2, 0), (0, 3))),
    ((7,), ((3, 2),)),
    ((1,), ((0, 0),)),
    ((2, 1, 2, 1, 2), ((0, 1), (1, 0), (0, 0), (2, 2), (1, 1))),
    ((1, 17, 16, 16), ((0, 0), (0, 15), (3, 3), (0, 0))),
]


@pytest.mark.parametrize(("shape", "paddings"), _CASES)
def test_pad_fills_with_the_zero_point(shape: tuple[int, ...], paddings: Paddings) -> None:
    assert_matches_oracle(padded(shape, paddings))


@pytest.mark.parametrize("zero_point", [-128, -1, 0, 127])
def test_every_zero_point_is_filled_in(zero_point: int) -> None:
    assert_matches_oracle(padded((1, 2, 3, 2), ((0, 0), (1, 1), (1, 1), (0, 0)), zero_point=zero_point))


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32"])
def test_other_types_are_filled_with_zero(dtype: str) -> None:
    assert_matches_oracle(padded((1, 2, 3, 2), ((0, 0), (1, 1), (1, 0), (0, 0)), dtype, zero_point=0))


def test_uint8_is_filled_with_its_zero_point() -> None:
    assert_matches_litert(padded((1, 2, 3, 2), ((0, 0), (1, 1), (1, 0), (0, 0)), "uint8", zero_point=200))


@pytest.mark.parametrize("mode", ["REFLECT", "SYMMETRIC"])
def test_int32_is_mirrored(mode: str) -> None:
    assert_matches_litert(mirrored((1, 4, 5), ((0, 0), (2, 1), (3, 2)), mode, "int32"))


@pytest.mark.parametrize(("dtype", "value"), [("int8", -128), ("int8", 127), ("int32", -(1 << 31))])
def test_padv2_fills_with_its_value(dtype: str, value: float) -> None:
    assert_matches_oracle(padded((1, 2, 3, 2), ((0, 0), (1, 2), (1, 0), (0, 1)), dtype, value=value))


def test_padv2_fills_with_a_computed_value() -> None:
    model = ModelBuilder()
    x, value = model.input((2, 3), scale=0.5), model.input((1,), scale=0.5)
    paddings = model.constant(np.array([[1, 0], [0, 2]], np.int32))
    model.op("PADV2", [x, paddings, value], spec((3, 5), scale=0.5))
    assert_matches_oracle(model.build())


@pytest.mark.parametrize("mode", ["REFLECT", "SYMMETRIC"])
@pytest.mark.parametrize(
    ("shape", "paddings"),
    [
        ((1, 4, 5, 3), ((0, 0), (1, 2), (2, 1), (0, 0))),
        ((1, 4, 5, 3), ((0, 0), (3, 3), (4, 4), (2, 2))),
        ((1, 4, 5, 3), ((0, 0), (0, 0), (0, 0), (0, 0))),
        ((9,), ((8, 8),)),
        ((3, 4), ((0, 2), (3, 0))),
    ],
)
def test_mirror_pad_reflects(shape: tuple[int, ...], paddings: Paddings, mode: str) -> None:
    assert_matches_oracle(mirrored(shape, paddings, mode))


def test_mirror_pad_takes_paddings_of_64_bits() -> None:
    model = ModelBuilder()
    inputs = [model.input((2, 3), scale=0.5), model.constant(np.array([[1, 0], [0, 2]], np.int64))]
    model.op("MIRROR_PAD", inputs, spec((3, 5), scale=0.5), mode="REFLECT")
    assert_matches_oracle(model.build())


def test_symmetric_padding_may_be_as_long_as_the_axis() -> None:
    assert_matches_oracle(mirrored((1, 3, 1, 2), ((1, 1), (3, 3), (1, 1), (2, 2)), "SYMMETRIC"))


_AXIS = st.tuples(st.integers(1, 5), st.integers(0, 4), st.integers(0, 4))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(_AXIS, min_size=1, max_size=4), st.integers(-128, 127))
def test_any_padding_matches(axes: list[tuple[int, int, int]], zero_point: int) -> None:
    shape = tuple(n for n, _, _ in axes)
    assert_matches_oracle(padded(shape, tuple((a, b) for _, a, b in axes), zero_point=zero_point))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(_AXIS, min_size=1, max_size=4), st.sampled_from(["REFLECT", "SYMMETRIC"]))
def test_any_mirror_matches(axes: list[tuple[int, int, int]], mode: str) -> None:
    longest = [n - (mode == "REFLECT") for n, _, _ in axes]
    paddings = tuple((min(a, most), min(b, most)) for (_, a, b), most in zip(axes, longest, strict=True))
    assert_matches_oracle(mirrored(tuple(n for n, _, _ in axes), paddings, mode))


# --------------------------------------------------------------------------------------- rules


def with_paddings(values: Any, out: tuple[int, ...] = (4, 5), **more: Any) -> bytes:
    model = ModelBuilder()
    x = model.input((2, 3), scale=0.5)
    model.op("PAD", [x, model.constant(np.array(values))], spec(out, scale=0.5))
    return model.build()


def test_computed_paddings_are_refused() -> None:
    model = ModelBuilder()
    x, paddings = model.input((2, 3)), model.input((2, 2), "int32")
    model.op("PAD", [x, paddings], spec((4, 5)))
    assert_refused(model.build(), padding.paddings_are_constant)


@pytest.mark.parametrize(
    "values",
    [
        np.array([[1, 1], [-1, 3]], np.int32),
        np.array([[1, 1]], np.int32),
        np.array([[1, 1], [1, 1]], np.int8),
        np.array([[1, 1], [1, 1]], np.int64),
    ],
)
def test_malformed_paddings_are_refused(values: Any) -> None:
    assert_refused(with_paddings(values), padding.paddings_are_constant)


def test_an_output_of_another_size_is_refused() -> None:
    paddings = np.array([[1, 1], [1, 1]], np.int32)
    assert_refused(with_paddings(paddings, (4, 6)), padding.padded_shape_agrees)


@pytest.mark.parametrize("change", [{"scale": 0.25}, {"zero_point": 1}, {"values": np.zeros(2, np.int8)}])
def test_a_padding_value_of_another_scale_is_refused(change: dict[str, Any]) -> None:
    model = ModelBuilder()
    x = model.input((2, 3), scale=0.5)
    described: dict[str, Any] = {"values": np.zeros(1, np.int8), "scale": 0.5, "zero_point": 0, **change}
    paddings = model.constant(np.array([[1, 1], [1, 1]], np.int32))
    model.op(
        "PADV2", [x, paddings, model.constant(described.pop("values"), **described)], spec((4, 5), scale=0.5)
    )
    assert_refused(model.build(), padding.padding_value_fits)


@pytest.mark.parametrize(("before", "mode"), [(3, "REFLECT"), (4, "SYMMETRIC")])
def test_a_mirror_longer_than_the_axis_is_refused(before: int, mode: str) -> None:
    assert_refused(mirrored((3,), ((before, 0),), mode), padding.mirror_is_long_enough)


def test_padding_to_another_type_is_refused() -> None:
    model = ModelBuilder()
    paddings = model.constant(np.zeros((1, 2), np.int32))
    model.op("PAD", [model.input((3,)), paddings], spec((3,), "int32"))
    assert_refused(model.build(), moves.types_agree)

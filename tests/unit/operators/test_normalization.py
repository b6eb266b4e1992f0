"""L2_NORMALIZATION against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.lower.operators.normalization import nothing_is_fused, output_is_within_one, rows_can_be_summed
from edgekit.lower.rules import has_as_many_elements, input_is_int8
from edgekit.testing.tflite_builder import spec
from tests.unit.operators.harness import assert_matches_oracle, assert_refused, every_int8, unary


def _model(shape: tuple[int, ...], zero_point: int = 0, activation: str = "NONE") -> bytes:
    out = spec(shape, "int8", 1 / 128)
    return unary(
        "L2_NORMALIZATION",
        shape,
        scale=0.05,
        zero_point=zero_point,
        output=out,
        fused_activation_function=activation,
    )


@pytest.mark.parametrize("shape", [(7,), (3, 128), (2, 3, 5), (1, 4, 4, 10)])
def test_shapes(shape: tuple[int, ...]) -> None:
    assert_matches_oracle(_model(shape, 3))


@pytest.mark.parametrize("zero_point", [-128, -1, 0, 127])
def test_rows_of_one_element_take_every_square(zero_point: int) -> None:
    assert_matches_oracle(_model((256, 1), zero_point), [(every_int8((256, 1)),)])


@pytest.mark.parametrize(("depth", "zero_point"), [(2, 0), (3, -128), (500, 127), (33025, -128)])
def test_sums_of_squares_of_every_size(depth: int, zero_point: int) -> None:
    rows = 8 if depth < 1000 else 2
    frames = []
    for value in (-128, -1, 0, 1, 100, 127):
        block = np.full((rows, depth), zero_point, np.int8)
        for row in range(rows):
            block[row, : max(1, depth >> row)] = value
        frames.append((block,))
    assert_matches_oracle(_model((rows, depth), zero_point), frames)


@given(depth=st.integers(1, 400), zero_point=st.integers(-128, 127), seed=st.integers(0, 2**32))
@settings(max_examples=12, deadline=None, derandomize=True)
def test_any_rows_agree_with_the_reference(depth: int, zero_point: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    spread = np.array([1, 2, 4, 8, 16, 32, 64, 127])[:, None]
    values = np.clip(zero_point + random.normal(0, 1, (8, depth)) * spread, -128, 127).astype(np.int8)
    assert_matches_oracle(_model((8, depth), zero_point), [(values,)])


def test_what_cannot_be_normalized_is_refused() -> None:
    assert_refused(_model((1, 33026)), rows_can_be_summed)
    assert_refused(_model((1, 4), activation="RELU"), nothing_is_fused)
    none: dict[str, Any] = {"fused_activation_function": "NONE"}
    out = spec((1, 4), "int8", 1 / 127)
    assert_refused(unary("L2_NORMALIZATION", (1, 4), scale=0.1, output=out, **none), output_is_within_one)
    out = spec((1, 5), "int8", 1 / 128)
    assert_refused(unary("L2_NORMALIZATION", (1, 4), scale=0.1, output=out, **none), has_as_many_elements)
    out = spec((1, 4), "int8", 1 / 128)
    model = unary("L2_NORMALIZATION", (1, 4), scale=0.1, dtype="int16", output=out, **none)
    assert_refused(model, input_is_int8)

"""SOFTMAX against the reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.lower.operators.softmax import beta_is_usable, output_is_a_probability, rows_are_short
from edgekit.lower.rules import has_as_many_elements, input_is_int8
from edgekit.testing.int8 import assert_same_bits
from edgekit.testing.native import run_native
from edgekit.testing.tflite_builder import spec
from tests.unit.operators.harness import assert_matches_oracle, assert_refused, every_int8, unary


def _model(shape: tuple[int, ...], scale: float = 0.1, zero_point: int = 0, beta: float = 1.0) -> bytes:
    output = spec(shape, "int8", 1 / 256, -128)
    return unary("SOFTMAX", shape, scale=scale, zero_point=zero_point, output=output, beta=beta)


@pytest.mark.parametrize(
    "shape", [(10,), (1, 1), (1, 2), (3, 7), (2, 3, 4, 5), (1, 12, 12, 3), (1, 500), (2, 1000)]
)
def test_shapes(shape: tuple[int, ...]) -> None:
    values = [(np.random.default_rng(i).integers(-128, 128, shape).astype(np.int8),) for i in range(3)]
    assert_matches_oracle(_model(shape), values)


@pytest.mark.parametrize("scale", [2.0**-25, 1e-5, 0.003, 0.0625, 0.1, 0.5, 1.0, 7.75, 16, 31, 100, 1e6])
def test_scales_from_flat_to_a_single_winner(scale: float) -> None:
    values = np.random.default_rng(0).integers(-128, 128, (40, 11)).astype(np.int8)
    assert_matches_oracle(_model((40, 11), scale), [(values,)])


def test_every_distance_from_the_maximum() -> None:
    for scale in (0.02, 0.11):
        assert_matches_oracle(_model((1, 256), scale), [(every_int8(),), (every_int8()[:, ::-1].copy(),)])


@pytest.mark.parametrize("zero_point", [-128, 127])
def test_the_zero_point_does_not_matter(zero_point: int) -> None:
    assert_matches_oracle(_model((5, 9), 0.2, zero_point))


@pytest.mark.parametrize("beta", [0.001, 0.5, 3.0, 1000.0])
def test_beta_scales_differences(beta: float) -> None:
    assert_matches_oracle(_model((5, 9), 0.2, 3, beta))


@pytest.mark.parametrize("depth", [1, 2, 3, 255, 256, 511])
def test_equal_scores_share_evenly(depth: int) -> None:
    frames = [(np.full((1, depth), value, np.int8),) for value in (-128, 0, 127)]
    assert_matches_oracle(_model((1, depth)), frames)


@pytest.mark.parametrize("depth", [512, 1000, 4095])
def test_more_equal_scores_than_the_reference_bears_are_all_improbable(depth: int) -> None:
    # The reference ends its process where a sum reaches 512: each true answer is at most a half step.
    ((result,),) = run_native(_model((1, depth)), [(np.zeros((1, depth), np.int8),)])
    assert_same_bits(result, np.full((1, depth), -128, np.int8))


@given(
    scale=st.floats(2.0**-20, 2.0**5, width=32),
    beta=st.floats(0.125, 8.0, width=32),
    depth=st.integers(1, 300),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_any_rows_agree_with_the_reference(scale: float, beta: float, depth: int, seed: int) -> None:
    rows = np.random.default_rng(seed).integers(-128, 128, (16, depth)).astype(np.int8)
    assert_matches_oracle(_model((16, depth), scale, 0, beta), [(rows,)])


def test_an_output_of_another_scale_is_refused() -> None:
    for scale, zero_point in ((1 / 256, 0), (1 / 255, -128)):
        out = spec((1, 4), "int8", scale, zero_point)
        assert_refused(unary("SOFTMAX", (1, 4), scale=0.1, output=out, beta=1.0), output_is_a_probability)


def test_rows_too_long_for_the_sum_are_refused() -> None:
    assert "4096" in assert_refused(_model((1, 4096)), rows_are_short)


@pytest.mark.parametrize("beta", [0.0, -1.0, float("nan"), 2.0**-24])
def test_a_beta_that_makes_everything_equal_is_refused(beta: float) -> None:
    assert_refused(_model((1, 4), 0.25, beta=beta), beta_is_usable)


def test_other_types_and_sizes_are_refused() -> None:
    model = unary(
        "SOFTMAX", (1, 4), dtype="int16", scale=0.1, output=spec((1, 4), "int16", 1 / 32768), beta=1.0
    )
    assert_refused(model, input_is_int8)
    model = unary("SOFTMAX", (1, 4), scale=0.1, output=spec((1, 5), "int8", 1 / 256, -128), beta=1.0)
    assert_refused(model, has_as_many_elements)

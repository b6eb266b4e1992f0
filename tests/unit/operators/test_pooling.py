"""AVERAGE_POOL_2D and MAX_POOL_2D against the reference."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgekit.compute.pooling import RoundedDivision
from edgekit.lower.operators import pooling
from edgekit.lower.rules import fused_activation_is_a_clamp, input_is_int8
from edgekit.lower.windows import window_advances
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import assert_matches_oracle, assert_refused

KINDS = pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pool:
    """A pooling operator and the size of its input."""

    kind: str = "AVERAGE_POOL_2D"
    shape: tuple[int, int, int, int] = (2, 7, 5, 3)
    filter: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (2, 1)
    padding: str = "SAME"
    activation: str = "NONE"
    scale: float = 0.05
    zero_point: int = -20
    output_scale: float | None = None
    output_zero_point: int | None = None
    output: tuple[int, ...] | None = None
    dtype: str = "int8"

    def output_shape(self) -> tuple[int, ...]:
        """The shape that follows from the window."""
        sizes = [
            -(-size // stride) if self.padding == "SAME" else (size - kernel) // stride + 1
            for size, kernel, stride in zip(self.shape[1:3], self.filter, self.stride, strict=True)
        ]
        return (self.shape[0], *sizes, self.shape[-1])

    def add_to(self, model: ModelBuilder) -> None:
        """Add the operator, with an input of its own."""
        x = model.input(self.shape, self.dtype, self.scale, self.zero_point)
        zero_point = self.zero_point if self.output_zero_point is None else self.output_zero_point
        shape = self.output_shape() if self.output is None else self.output
        model.op(
            self.kind,
            [x],
            spec(shape, self.dtype, self.output_scale or self.scale, zero_point),
            padding=self.padding,
            stride_h=self.stride[0],
            stride_w=self.stride[1],
            filter_height=self.filter[0],
            filter_width=self.filter[1],
            fused_activation_function=self.activation,
        )

    def build(self) -> bytes:
        """A model of this operator."""
        model = ModelBuilder()
        self.add_to(model)
        return model.build()


def assert_pools_match(*cases: Pool) -> None:
    """Compare poolings side by side in one model: output i is that of case i."""
    model = ModelBuilder()
    for case in cases:
        case.add_to(model)
    assert_matches_oracle(model.build())


_GEOMETRY: tuple[dict[str, Any], ...] = (
    {"padding": "SAME"},
    {"padding": "VALID"},
    {"shape": (1, 8, 8, 16), "filter": (8, 8), "stride": (1, 1), "padding": "VALID"},
    {"shape": (1, 13, 4, 64), "filter": (13, 4), "stride": (13, 4)},
    {"shape": (1, 30, 40, 2), "filter": (20, 30), "stride": (3, 3)},
    {"shape": (1, 1, 1, 1), "filter": (1, 1), "stride": (1, 1), "padding": "VALID"},
    {"shape": (1, 5, 5, 4), "filter": (1, 1), "stride": (3, 3)},
    {"shape": (1, 6, 6, 16), "filter": (2, 2), "stride": (2, 2)},
    {"shape": (1, 3, 2, 8), "filter": (9, 7), "stride": (1, 2)},
)


@KINDS
def test_every_geometry(kind: str) -> None:
    assert_pools_match(*(Pool(kind=kind, **changes) for changes in _GEOMETRY))


@KINDS
def test_fused_activations(kind: str) -> None:
    activations = ("RELU", "RELU6", "RELU_N1_TO_1")
    assert_pools_match(*(Pool(kind=kind, activation=name) for name in activations))


@KINDS
def test_zero_points_at_both_ends(kind: str) -> None:
    ends = [Pool(kind=kind, activation="RELU6", zero_point=end) for end in (-128, 127)]
    assert_pools_match(*ends)


@pytest.mark.parametrize("size", [(64, 64), (63, 65), (1, 255), (1, 257), (200, 150)])
def test_averages_of_large_windows(size: tuple[int, int]) -> None:
    whole = Pool(shape=(1, *size, 2), filter=size, stride=(1, 1), padding="VALID")
    partial = dataclasses.replace(whole, padding="SAME", stride=size, filter=(size[0] + 1, size[1] + 3))
    assert_pools_match(whole, partial)


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 2), (4, 8), (8, 16), (16, 16)])
def test_averages_of_as_many_elements_as_a_power_of_two(size: tuple[int, int]) -> None:
    """They are divided by a shift: in 16 bits up to 128 elements."""
    plane = (2, 2 * size[0], 3 * size[1], 16)
    pool = Pool(shape=plane, filter=size, stride=size, padding="VALID")
    assert_pools_match(pool, dataclasses.replace(pool, activation="RELU", zero_point=3))


def test_averages_round_half_away_from_zero() -> None:
    pool = Pool(shape=(1, 1, 4, 1), filter=(1, 2), stride=(1, 2), padding="VALID")
    frames = [
        (np.array([a, b, -a, -b], np.int8).reshape(1, 1, 4, 1),)
        for a in range(-127, 128, 9)
        for b in range(-127, 128, 13)
    ]
    assert_matches_oracle(pool.build(), frames)


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    """Any pooling whose window fits its plane."""
    size = st.integers(1, 14)
    case = Pool(
        kind=draw(st.sampled_from(["AVERAGE_POOL_2D", "MAX_POOL_2D"])),
        shape=(draw(st.integers(1, 2)), draw(size), draw(size), draw(st.integers(1, 33))),
        filter=(draw(size), draw(size)),
        stride=(draw(st.integers(1, 4)), draw(st.integers(1, 4))),
        padding=draw(st.sampled_from(["SAME", "VALID"])),
        activation=draw(st.sampled_from(["NONE", "RELU", "RELU6", "RELU_N1_TO_1"])),
        scale=draw(st.floats(0.001, 2.0)),
        zero_point=draw(st.integers(-128, 127)),
    )
    assume(min(case.output_shape()) > 0)
    return case


@settings(max_examples=10, deadline=None, derandomize=True)
@given(pools())
def test_any_pooling(case: Pool) -> None:
    assert_matches_oracle(case.build())


@pytest.mark.full
@settings(max_examples=300, deadline=None)
@given(pools())
def test_many_poolings(case: Pool) -> None:
    assert_matches_oracle(case.build())


@pytest.mark.parametrize("largest", [1, 2, 3, 9, 49, 127, 254, 255, 256, 4096, 1 << 20])
def test_division_by_multiplying_is_exact(largest: int) -> None:
    division = RoundedDivision.by(largest)
    random = np.random.default_rng(largest)
    for count in {1, min(3, largest), (largest + 1) // 2, largest}:
        most = 128 * count + count // 2
        totals = [0, 1, count - 1, count, most - 1, most, *random.integers(0, most, 2000).tolist()]
        totals += [multiple * count + end for multiple in range(0, 128, 7) for end in (-1, 0) if multiple]
        factor = division.multiplier(count)
        assert most * factor <= np.iinfo(division.dtype).max
        assert all(total * factor >> division.shift == total // count for total in totals)


# --------------------------------------------------------------------------------- refusals


@KINDS
def test_what_is_not_int8_is_refused(kind: str) -> None:
    assert_refused(Pool(kind=kind, dtype="int16", zero_point=0).build(), input_is_int8)


@KINDS
def test_a_change_of_scale_or_zero_point_is_refused(kind: str) -> None:
    rule = pooling.input_and_output_are_quantized_alike
    assert_refused(Pool(kind=kind, output_scale=0.06).build(), rule)
    assert_refused(Pool(kind=kind, output_zero_point=-19).build(), rule)


@KINDS
def test_impossible_windows_are_refused(kind: str) -> None:
    kept: dict[str, Any] = {"kind": kind, "output": (2, 7, 5, 3)}
    assert_refused(Pool(**kept, stride=(0, 1)).build(), window_advances)
    assert_refused(Pool(**kept, filter=(0, 1)).build(), pooling.filter_is_positive_and_not_huge)
    assert_refused(Pool(**kept, filter=(1 << 12, 1 << 12)).build(), pooling.filter_is_positive_and_not_huge)
    assert_refused(Pool(**kept, stride=(2, 2)).build(), pooling.pooled_shape_follows_from_window)


@KINDS
def test_activations_that_are_no_clamp_are_refused(kind: str) -> None:
    assert_refused(Pool(kind=kind, activation="TANH").build(), fused_activation_is_a_clamp)


@KINDS
def test_padding_that_16_bits_hold_is_computed_and_longer_padding_is_refused(kind: str) -> None:
    assert_pools_match(Pool(kind=kind, filter=(1 << 16, 1)))
    assert_refused(Pool(kind=kind, filter=((1 << 16) + 3, 1)).build(), pooling.padding_fits_16_bits)

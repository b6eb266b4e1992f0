"""Matrix times vector by microcontrollers' shared kernels: every output byte is the reference's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.schedule.templates.mcu_dense import MCU_DENSE, MCU_DENSE_MVE
from edgekit.schedule.templates.mcu_plain import MCU_DENSE_PLAIN
from edgekit.testing.int8 import assert_same_bits
from edgekit.testing.mcu_calls import run_shared
from edgekit.testing.mcu_cases import convolution_reference
from edgekit.testing.mcu_layers import DSP, MVE, PLAIN, check, constants_of, job_of, layer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.cpu import CpuClass
    from edgekit.schedule.template import Template

NAMED = {
    "one output": layer((1, 1), (320, 1)),
    "fewer outputs than a tile": layer((1, 1), (16, 3)),
    "outputs left over": layer((1, 1), (64, 10)),
    "one input": layer((1, 1), (1, 4)),
    "inputs that end within a word": layer((1, 1), (30, 8)),
    "inputs that end within a step": layer((1, 1), (140, 8)),
    "two vectors": layer((1, 2), (9, 6)),
    "a convolution of whole rows": layer((5, 1), (40, 32), (5, 1), strides=(3, 1)),
    "a convolution of several whole rows of pixels": layer((4, 3), (5, 7), (3, 3), strides=(2, 1)),
    "clamped within the range": layer((1, 1), (24, 9), clamp=(-20, 31)),
}


SHARED = {"dsp": (MCU_DENSE, DSP), "mve": (MCU_DENSE_MVE, MVE), "plain": (MCU_DENSE_PLAIN, PLAIN)}


@pytest.mark.parametrize("shared", SHARED.values(), ids=SHARED.keys())
@pytest.mark.parametrize("load", NAMED.values(), ids=NAMED.keys())
def test_products_with_a_vector_are_exact(load: Convolution, shared: tuple[Template, CpuClass]) -> None:
    check(*shared, load, constants_of(load, seed=1))


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 80), st.integers(1, 20)),
    vectors=st.sampled_from([1, 1, 2]),
    points=st.tuples(st.integers(-128, 127), st.integers(-128, 127)),
    dead=st.sampled_from([0.0, 0.0, 0.5]),
    shared=st.sampled_from(list(SHARED.values())),
    seed=st.integers(0, 1 << 16),
)
def test_any_number_of_inputs_and_outputs_is_exact(
    sizes: tuple[int, int],
    vectors: int,
    points: tuple[int, int],
    dead: float,
    shared: tuple[Template, CpuClass],
    seed: int,
) -> None:
    load = layer((1, 1), sizes, images=vectors, zero_point=points[0], pad_value=points[1])
    check(*shared, load, constants_of(load, seed, dead=dead), seed)


@pytest.mark.parametrize(
    "load",
    [
        layer((1, 3), (8, 8)),
        layer((1, 1), (4096, 4)),
        layer((2, 2), (8, 8), (2, 2), same=True),
        layer((3, 3), (8, 8), (2, 2), strides=(2, 2)),
    ],
    ids=["many pixels", "large memory", "padding", "parts of rows"],
)
def test_other_layers_are_refused(load: Convolution) -> None:
    assert not MCU_DENSE.fits(job_of(load, constants_of(load, seed=0)), DSP)


def boundary_constants(channels: int, largest: int) -> tuple[NDArray[Any], ...]:
    """Sums up to `largest`, most of which scale to ties or to what is next to them."""
    random = np.random.default_rng(5)
    right = random.integers(1, 23, channels)
    multiplier = random.choice([1 << 30, (1 << 31) - 1, (1 << 30) + 1, 1_518_500_250], channels)
    # The product rounds to about n * 2**(right - 1): for odd n a tie.
    ties = random.integers(-260, 260, channels) * 2.0 ** (right - 1) * 2.0**31 / multiplier
    sums = np.rint(ties).astype(np.int64) + random.integers(-2, 3, channels)
    extreme = random.choice([largest, -largest, largest - 1, 0, 1, -1], channels)
    sums = np.where(random.random(channels) < 0.1, extreme, sums).clip(-largest, largest)
    weights = np.ones((channels, 1, 1, 1), np.int8)  # with zeros, channels would be scaled as constants
    return weights, sums.astype(np.int32), multiplier.astype(np.int32), -right.astype(np.int32)


@pytest.mark.parametrize("shared", SHARED.values(), ids=SHARED.keys())
@pytest.mark.parametrize("zero_point", [-128, 0, 127])
def test_sums_are_scaled_exactly_at_ties_and_at_the_ends_of_their_range(
    shared: tuple[Template, CpuClass], zero_point: int
) -> None:
    template, cpu = shared
    load = layer((1, 1), (1, 1500), zero_point=zero_point)
    constants = boundary_constants(1500, largest=(1 << 30) - 129)
    job = job_of(load, constants)
    assert template.fits(job, cpu)
    scheduled = template.apply(job, cpu, template.space(job, cpu)[0])
    for value in (-128, 0, 127):
        x = np.full((1, 1, 1, 1), value, np.int8)
        expected = convolution_reference(x, constants, load)
        assert_same_bits(run_shared(scheduled, [x], constants, np.zeros_like(expected)), expected)

"""Matrix times vector by microcontrollers' shared kernels: every output byte is the reference's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.schedule.templates.mcu_dense import MCU_DENSE, MCU_DENSE_MVE
from edgekit.schedule.templates.mcu_plain import MCU_DENSE_PLAIN
from edgekit.testing.mcu_layers import DSP, MVE, PLAIN, check, constants_of, job_of, layer

if TYPE_CHECKING:
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

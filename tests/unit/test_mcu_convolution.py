"""Convolution by microcontrollers' shared kernels: every output byte is the reference's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.schedule.template import NO_PARAMETERS
from edgekit.schedule.templates.mcu_convolution import MCU_CONVOLUTION, MCU_CONVOLUTION_MVE
from edgekit.schedule.templates.mcu_plain import MCU_CONVOLUTION_PLAIN, MCU_DENSE_PLAIN
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
    "one pixel": layer((1, 1), (8, 4)),
    "pointwise, pixels left over": layer((5, 7), (16, 6)),
    "pointwise, an odd number of channels": layer((3, 3), (30, 7)),
    "pointwise with fewer channels than a word": layer((4, 4), (1, 5)),
    "padded on all sides": layer((6, 5), (4, 8), (3, 3), same=True),
    "three channels, runs that end within words": layer((7, 7), (3, 8), (3, 3)),
    "filter larger than the input": layer((2, 2), (5, 6), (5, 5), same=True),
    "strides that leave out pixels": layer((9, 8), (4, 4), (2, 2), strides=(3, 3)),
    "dilated both ways": layer((9, 9), (3, 4), (3, 3), dilations=(2, 3), same=True),
    "one column": layer((11, 1), (6, 8), (4, 1), strides=(2, 1)),
    "several images": layer((4, 4), (3, 4), (3, 3), same=True, images=3),
    "clamped within the range": layer((4, 4), (8, 8), clamp=(-20, 31)),
}


SHARED = {
    "dsp": (MCU_CONVOLUTION, DSP),
    "mve": (MCU_CONVOLUTION_MVE, MVE),
    "plain": (MCU_CONVOLUTION_PLAIN, PLAIN),
}


@pytest.mark.parametrize("shared", SHARED.values(), ids=SHARED.keys())
@pytest.mark.parametrize("load", NAMED.values(), ids=NAMED.keys())
def test_convolution_is_exact(load: Convolution, shared: tuple[Template, CpuClass]) -> None:
    check(*shared, load, constants_of(load, seed=1))


@settings(max_examples=120, deadline=None)
@given(
    size=st.tuples(st.integers(1, 10), st.integers(1, 10)),
    channels=st.tuples(st.integers(1, 20), st.integers(2, 12)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilations=st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 2), (3, 2)]),
    images=st.sampled_from([1, 1, 1, 2]),
    points=st.tuples(st.integers(-128, 127), st.integers(-128, 127)),
    dead=st.sampled_from([0.0, 0.0, 0.5]),
    shared=st.sampled_from(list(SHARED.values())),
    seed=st.integers(0, 1 << 16),
)
def test_any_convolution_is_exact_and_may_overlap_its_input_as_far_as_it_says(
    size: tuple[int, int],
    channels: tuple[int, int],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    images: int,
    points: tuple[int, int],
    dead: float,
    shared: tuple[Template, CpuClass],
    seed: int,
) -> None:
    reach = [(taps - 1) * dilation + 1 for taps, dilation in zip(kernel, dilations, strict=True)]
    load = layer(
        size,
        channels,
        kernel,
        strides=strides,
        dilations=dilations,
        same=seed % 2 == 0 or reach[0] > size[0] or reach[1] > size[1],
        images=images,
        zero_point=points[0],
        pad_value=points[1],
    )
    check(*shared, load, constants_of(load, seed, dead=dead), seed)


def test_sums_as_large_as_a_pair_of_channels_can_tell_apart_are_exact() -> None:
    load = layer((1, 3), (512, 4))
    weights = np.full((4, 1, 1, 512), 127, np.int8)
    weights[1], weights[3] = -127, 127
    factors = np.full(4, 1 << 30, np.int32), np.full(4, -15, np.int32)
    constants = (weights, np.zeros(4, np.int32), *factors)
    assert MCU_CONVOLUTION.fits(job_of(load, constants), DSP)
    scheduled = MCU_CONVOLUTION.apply(job_of(load, constants), DSP, NO_PARAMETERS)
    for value in (-128, 127):
        x = np.full((1, 1, 3, 512), value, np.int8)
        expected = convolution_reference(x, constants, load)
        assert_same_bits(run_shared(scheduled, [x], constants, np.zeros_like(expected)), expected)


def changed(position: int, channel: int, value: int) -> tuple[NDArray[Any], ...]:
    """Constants of a small layer with one changed."""
    constants = constants_of(layer((4, 4), (600, 4)), seed=0)
    array = constants[position].reshape(len(constants[position]), -1)
    array[channel] = value
    return constants


@pytest.mark.parametrize(
    "constants",
    [changed(3, 0, 0), changed(3, 1, 1), changed(0, 1, 127), changed(0, 3, -128)],
    ids=["no shift", "left shift", "sums of 24 bits", "halves of 17 bits"],
)
def test_layers_that_need_another_form_are_refused(constants: tuple[NDArray[Any], ...]) -> None:
    load = layer((4, 4), (600, 4))
    assert MCU_CONVOLUTION.fits(job_of(load, constants_of(load, seed=0)), DSP)
    assert not MCU_CONVOLUTION.fits(job_of(load, constants), DSP)


@pytest.mark.parametrize("size", [(1, 1), (3, 3)], ids=["vector", "plane"])
def test_plain_kernels_scale_by_any_shift(size: tuple[int, int]) -> None:
    load = layer(size, (9, 24), zero_point=0)
    weights, bias, multiplier, _ = constants_of(load, seed=3)
    shift = np.resize(np.array([3, 1, 0, -1, -2, -6, -30, -31], np.int32), 24)
    constants = weights // 64, bias // 1000, multiplier, shift
    assert not MCU_CONVOLUTION.fits(job_of(load, constants), DSP)
    check(MCU_CONVOLUTION_PLAIN, DSP, load, constants)
    if size == (1, 1):
        check(MCU_DENSE_PLAIN, DSP, load, constants)

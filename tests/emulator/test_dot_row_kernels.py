"""Micro-kernels for ARM CPUs with dot products or int8 matrix multiplications: every byte is the oracle's."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.oracle import run_oracle
from edgekit.schedule import candidates, schedule
from edgekit.schedule.cpu import RowKernel, cpu_class
from edgekit.target import Target, load_target
from edgekit.testing.convolution_cases import (
    ConvolutionCase,
    Numbers,
    convolutions_model,
    extreme_and_random_frames,
)
from edgekit.testing.crossed import run_crossed
from edgekit.testing.int8 import assert_same_bits
from edgekit.testing.random_nets import random_net

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from edgekit.schedule.template import Choice, Job, Lookup

pytestmark = pytest.mark.emulator

_DOT = load_target("rpi5")
TARGETS = {
    RowKernel.DOT: _DOT,
    RowKernel.MMLA: dataclasses.replace(_DOT, features=(*_DOT.features, "+i8mm"), emulated_cpu="max"),
}
KERNELS = list(TARGETS)
NETS = 3


def _untuned(_job: Job) -> Choice | None:
    return None


def _assert_exact(
    flatbuffer: bytes,
    frames: Sequence[tuple[NDArray[Any], ...]],
    target: Target,
    lookup: Lookup = _untuned,
) -> None:
    expected = run_oracle(flatbuffer, frames)
    actual = run_crossed(flatbuffer, frames, target, lookup)
    for frame, (ours, theirs) in enumerate(zip(actual, expected, strict=True)):
        for index, (mine, reference) in enumerate(zip(ours, theirs, strict=True)):
            assert_same_bits(mine, reference, f"frame {frame}, output {index}")


# Rows of every remainder of a tile, channels that fill wide blocks, narrow ones and parts of both, runs of
# every remainder of a unit, of 2, 4 and 8 units, one run and several.
SHAPES = [
    *(ConvolutionCase(3, width, 16, 8, (3, 1)) for width in range(1, 10)),
    *(ConvolutionCase(2, 5, 16, filters) for filters in (*range(1, 18), 24, 25, 31, 32, 33, 40)),
    *(
        ConvolutionCase(1, 7, channels, 20)
        for channels in (*range(1, 18), 31, 32, 33, 40, 48, 56, 63, 64, 65, 96)
    ),
    *(ConvolutionCase(4, 9, channels, 8, (3, 3)) for channels in (1, 2, 3, 5, 6, 16, 20, 32)),
    # First layers, whose bytes are looked up: up to 16 of them, and up to 32.
    *(ConvolutionCase(4, 7, 1, filters, (3, width)) for width in range(1, 11) for filters in (8, 20)),
    *(ConvolutionCase(6, width, 1, filters, (5, 5)) for width in (5, 7, 8) for filters in (8, 20)),
    ConvolutionCase(7, 9, 1, 20, (5, 4), 2),
    ConvolutionCase(7, 9, 3, 20, (5, 2), 1, "VALID"),
    ConvolutionCase(9, 9, 24, 12, (3, 3), 2),
    ConvolutionCase(9, 8, 24, 12, (1, 1), 2, "VALID"),
    ConvolutionCase(11, 7, 8, 7, (5, 3), 2, "VALID"),
    ConvolutionCase(30, 1, 16, 10, (9, 1), 2),
    ConvolutionCase(13, 10, 1, 9, (10, 4), 2),
    *(ConvolutionCase(1, 1, channels, 10) for channels in (4, 100, 160)),
    ConvolutionCase(1, 1, 64, 130),
]
NUMBERS = {
    "no clamp": Numbers(),
    "ReLU": Numbers(output_zero_point=-128),
    "no clamp, sums that scale past an int16": Numbers(bias_limit=1 << 30),
    "ReLU, sums that scale past an int16": Numbers(bias_limit=1 << 30, output_zero_point=-128),
    "ReLU without shifts": Numbers(weight_scale_step=0.0, output_scale=0.0003, output_zero_point=-128),
    "some shifts, none and left ones": Numbers(output_scale=0.001),
    "left shifts": Numbers(output_scale=0.0002, weight_scale=0.05, weight_scale_step=0.05),
    "far right shifts": Numbers(output_scale=3000.0, weight_scale=1e-5, weight_scale_step=1e-5),
    "powers of two, so that sums lie halfway": Numbers(
        input_scale=0.5, weight_scale=0.125, weight_scale_step=0.0, output_scale=32.0
    ),
    "a clamp inside the range": Numbers(output_scale=0.1, activation="RELU6"),
    "weights of -128": Numbers(lowest_weight=-128, output_zero_point=127),
}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("numbers", NUMBERS.values(), ids=NUMBERS)
def test_convolutions_of_every_shape_are_exact(kernel: RowKernel, numbers: Numbers) -> None:
    flatbuffer = convolutions_model(SHAPES, numbers)
    _assert_exact(flatbuffer, extreme_and_random_frames(SHAPES), TARGETS[kernel])


CROSSED_SHAPES = [
    ConvolutionCase(4, 9, 3, 40, (3, 3)),
    ConvolutionCase(11, 6, 70, 17, (3, 2), 2),
    ConvolutionCase(1, 9, 40, 24),
    ConvolutionCase(13, 10, 1, 9, (10, 4), 2),
]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("number", range(1, 4))
def test_every_candidate_gives_the_same_bytes(kernel: RowKernel, number: int) -> None:
    cpu = cpu_class(TARGETS[kernel])

    def lookup(job: Job) -> Choice:
        found = [choice for choice in candidates(job, cpu) if "rows" in choice.template]
        return found[number % len(found)]

    flatbuffer = convolutions_model(CROSSED_SHAPES, Numbers())
    _assert_exact(flatbuffer, extreme_and_random_frames(CROSSED_SHAPES), TARGETS[kernel], lookup)


# Inputs that fill their 64 bytes, so that the output begins where the last run's padding is read.
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    "case",
    [
        ConvolutionCase(4, 8, 2, 1),
        ConvolutionCase(8, 8, 3, 2),
        ConvolutionCase(1, 64, 1, 5),
        ConvolutionCase(8, 8, 1, 3, (3, 3), padding="VALID"),
    ],
)
def test_bytes_after_a_run_may_change_while_a_row_is_computed(
    kernel: RowKernel, case: ConvolutionCase
) -> None:
    flatbuffer = convolutions_model([case], Numbers(output_scale=0.05))
    _assert_exact(flatbuffer, extreme_and_random_frames([case]), TARGETS[kernel])


@pytest.mark.parametrize("seed", range(NETS))
def test_random_nets_are_exact_with_matrix_multiplications(seed: int) -> None:
    net = random_net(seed)
    _assert_exact(net.flatbuffer, net.frames(2), TARGETS[RowKernel.MMLA])


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_cpu_gets_the_kernels_that_its_features_allow(kernel: RowKernel) -> None:
    assert cpu_class(TARGETS[kernel]).row_kernel is kernel
    model = read_tflite(convolutions_model([ConvolutionCase(2, 5, 16, 8)], Numbers()), name="model")
    tuned = schedule(lower(model), TARGETS[kernel])
    assert tuned.kernels == ("neon",)
    assert f"ek_convolution_row_{kernel}_linear" in tuned.module.script()


@pytest.mark.parametrize(
    ("case", "instance"),
    [
        (ConvolutionCase(8, 8, 1, 8, (3, 3)), "3x1"),
        (ConvolutionCase(8, 8, 3, 8, (3, 3)), "3x2"),
        (ConvolutionCase(8, 8, 1, 8, (5, 5)), "5x2"),
    ],
)
def test_first_layers_look_up_what_they_read(case: ConvolutionCase, instance: str) -> None:
    model = read_tflite(convolutions_model([case], Numbers()), name="model")
    assert f'"ek_convolution_row_dot_table_{instance}_linear"' in schedule(lower(model), _DOT).module.script()


@pytest.mark.parametrize("channels", [4, 16])
def test_filters_of_too_many_bytes_are_not_looked_up(channels: int) -> None:
    model = read_tflite(
        convolutions_model([ConvolutionCase(8, 8, channels, 8, (3, 3))], Numbers()), name="model"
    )
    assert "_table_" not in schedule(lower(model), _DOT).module.script()


def test_a_single_pixel_is_computed_by_dot_products() -> None:
    model = read_tflite(convolutions_model([ConvolutionCase(1, 1, 16, 8)], Numbers()), name="model")
    tuned = schedule(lower(model), TARGETS[RowKernel.MMLA])
    assert "ek_convolution_row_dot_linear" in tuned.module.script()


@pytest.mark.parametrize(
    ("numbers", "form"),
    [
        (Numbers(), "linear"),
        (Numbers(bias_limit=1 << 30), "linear_wide"),
        (Numbers(output_zero_point=-128), "relu"),
        (Numbers(output_zero_point=-128, bias_limit=1 << 30), "relu_wide"),
        (Numbers(weight_scale_step=0.0, output_scale=0.0003, output_zero_point=-128), "relu_wide"),
        (Numbers(output_scale=0.1, activation="RELU6"), "general"),
        (Numbers(output_scale=0.001), "general"),
    ],
)
def test_sums_are_scaled_by_the_cheapest_exact_form(numbers: Numbers, form: str) -> None:
    model = read_tflite(convolutions_model([ConvolutionCase(2, 5, 16, 8)], numbers), name="model")
    assert f'"ek_convolution_row_dot_{form}"' in schedule(lower(model), _DOT).module.script()

"""Micro-kernels for depthwise convolutions on ARM CPUs, run under QEMU: every output byte is the oracle's."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from edgekit.oracle import run_oracle
from edgekit.target import load_target
from edgekit.testing.convolution_cases import (
    ConvolutionCase,
    Numbers,
    convolutions_model,
    extreme_and_random_frames,
)
from edgekit.testing.crossed import run_crossed
from edgekit.testing.int8 import assert_same_bits

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.emulator

TARGETS = ("rpi4", "rpi5", "beaglebone-black")


def _case(
    size: tuple[int, int],
    channels: int,
    kernel: tuple[int, int],
    stride: int,
    padding: str,
    multiplier: int = 1,
) -> ConvolutionCase:
    return ConvolutionCase(*size, channels, 0, kernel, stride, padding, depth_multiplier=multiplier)


# Rows of 1 to 9 pixels, channels that fill no vector, all remainders of the pixels a tile, all filters.
PLANES = [
    *(_case((4, width), 16, (3, 3), stride, "SAME") for width in range(1, 10) for stride in (1, 2)),
    *(_case((height, 6), 9, (3, 3), 1, padding) for height in range(3, 8) for padding in ("SAME", "VALID")),
    *(_case((3, 5), channels, (3, 3), 1, "SAME") for channels in (2, 3, 5, 7, 8, 9, 15, 17, 31, 33)),
    *(_case((7, 8), 11, (kernel, kernel), stride, "VALID") for kernel in range(1, 8) for stride in (1, 2, 3)),
    *(_case((6, 7), channels, (3, 3), stride, "SAME", 2) for channels in (2, 5, 8) for stride in (1, 2, 3)),
    _case((9, 4), 10, (7, 2), 1, "SAME"),
]
# One row, or one column of pixels: filters of all lengths, and all remainders of the pixels a tile.
LINES = [
    *(_case((1, 9), 16, (1, taps), stride, "SAME") for taps in range(1, 14) for stride in (1, 2, 3)),
    *(_case((width, 1), 8, (9, 1), stride, "SAME") for width in range(1, 14) for stride in (1, 2)),
    *(_case((14, 1), 9, (taps, 1), stride, "VALID") for taps in range(2, 15) for stride in (1, 2)),
    *(_case((12, 1), channels, (5, 1), 1, "SAME") for channels in (1, 7, 8, 9, 15, 17, 24)),
    *(_case((3, 9), 8, (1, 5), 1, padding) for padding in ("SAME", "VALID")),
    *(_case((8, 1), 4, (9, 1), stride, "SAME", 2) for stride in (1, 2)),
]
SCALINGS = {
    "right shifts": Numbers(output_scale=0.05),
    "ReLU": Numbers(output_scale=0.05, output_zero_point=-128),
    "about one": Numbers(output_scale=0.001, output_zero_point=3),
    "left shifts": Numbers(output_scale=0.0002, weight_scale=0.05, weight_scale_step=0.05),
    "far right shifts": Numbers(
        output_scale=3000.0, weight_scale=1e-5, weight_scale_step=1e-5, output_zero_point=0
    ),
    # Sums whose scaled values leave an int16, although every factor shifts right.
    "wide": Numbers(weight_scale=0.001, weight_scale_step=1e-4, output_scale=0.0001, bias_limit=2000000),
}

QUICK = ("right shifts", "ReLU", "left shifts")  # for lines


def _assert_exact(cases: Sequence[ConvolutionCase], numbers: Numbers, target: str) -> None:
    flatbuffer, frames = convolutions_model(cases, numbers), extreme_and_random_frames(cases)
    expected = run_oracle(flatbuffer, frames)
    actual = run_crossed(flatbuffer, frames, load_target(target))
    for frame, (ours, theirs) in enumerate(zip(actual, expected, strict=True)):
        for case, mine, reference in zip(cases, ours, theirs, strict=True):
            assert_same_bits(mine, reference, f"frame {frame}, {case}")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("scaling", SCALINGS)
def test_depthwise_convolutions_of_planes_are_exact(target: str, scaling: str) -> None:
    _assert_exact(PLANES, SCALINGS[scaling], target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "scaling",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.full) for name in SCALINGS],
)
def test_depthwise_convolutions_of_lines_are_exact(target: str, scaling: str) -> None:
    _assert_exact(LINES, SCALINGS[scaling], target)


@pytest.mark.parametrize("target", TARGETS)
def test_depthwise_weights_of_minus_128_do_not_overflow(target: str) -> None:
    """Two products of -128 and -128 are 32,768: one more than an int16 holds."""
    cases = [
        _case((4, 4), 16, (3, 3), 1, "SAME"),
        _case((9, 1), 16, (9, 1), 1, "SAME"),
        _case((6, 5), 9, (5, 5), 1, "VALID"),
    ]
    numbers = dataclasses.replace(SCALINGS["right shifts"], lowest_weight=-128)
    _assert_exact(cases, numbers, target)

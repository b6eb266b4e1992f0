"""Kernels for ARM CPUs, run under QEMU: every output byte is the oracle's."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.oracle import run_oracle
from edgekit.schedule import schedule
from edgekit.schedule.template import Choice, Parameters
from edgekit.target import load_target
from edgekit.testing.crossed import run_crossed
from edgekit.testing.int8 import assert_same_bits
from edgekit.testing.random_nets import random_net
from edgekit.testing.tflite_builder import ModelBuilder, spec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from edgekit.schedule.template import Lookup

pytestmark = pytest.mark.emulator

TARGETS = ("rpi4", "rpi5", "beaglebone-black")
QUICK_NETS, FULL_NETS = 4, 40


def _assert_exact(
    flatbuffer: bytes,
    frames: Sequence[tuple[NDArray[Any], ...]],
    target: str,
    *,
    lookup: Lookup = lambda _job: None,
    threads: int = 1,
) -> None:
    expected = run_oracle(flatbuffer, frames)
    actual = run_crossed(flatbuffer, frames, load_target(target), lookup, threads)
    for frame, (ours, theirs) in enumerate(zip(actual, expected, strict=True)):
        for mine, reference in zip(ours, theirs, strict=True):
            assert_same_bits(mine, reference, f"frame {frame}")


def _convolutions(
    cases: Sequence[tuple[int, int, int, int, tuple[int, int], int, str]],
    *,
    output_scale: float = 0.3,
    weight_scale: float = 0.01,
    lowest: int = -127,
    zero_point: int = -7,
    weights: Callable[[tuple[int, ...]], NDArray[np.int8]] | None = None,
) -> bytes:
    """One model of several unconnected convolutions: (height, width, in, out, kernel, stride, padding)."""
    random = np.random.default_rng(0)
    model = ModelBuilder()
    for height, width, channels, filters, (kernel_h, kernel_w), stride, padding in cases:
        x = model.input((1, height, width, channels), scale=0.02, zero_point=5)
        shape = (filters, kernel_h, kernel_w, channels)
        if weights is None:
            values = random.integers(lowest, 128, shape).astype(np.int8)
            values.reshape(-1)[0] = lowest
        else:
            values = weights(shape)
        scales = [weight_scale * (1 + i % 7) for i in range(filters)]
        filter_ = model.constant(values, scale=scales)
        bias = model.constant(random.integers(-3000, 3000, filters).astype(np.int32), scale=scales)
        size = [
            -(-side // stride) if padding == "SAME" else (side - kernel) // stride + 1
            for side, kernel in ((height, kernel_h), (width, kernel_w))
        ]
        out = spec((1, *size, filters), scale=output_scale, zero_point=zero_point)
        model.op("CONV_2D", [x, filter_, bias], [out], padding=padding, stride_h=stride, stride_w=stride)
    return model.build()


# Rows of 1 to 5 pixels, channels that fill no block, runs of one chunk and of several, all filter sizes.
SHAPES = [
    *((3, width, 16, 8, (1, 1), 1, "SAME") for width in range(1, 6)),
    *((2, 5, 16, filters, (1, 1), 1, "SAME") for filters in (1, 2, 3, 5, 8, 9, 15, 17, 24, 33)),
    # Runs of all lengths up to several steps, and runs of a single step in several rows.
    *((1, 4, channels, 9, (1, 1), 1, "SAME") for channels in range(1, 28)),
    *((6, 4, channels, 9, (3, 2), 1, "SAME") for channels in (1, 2, 4, 8)),
    *((4, 9, channels, 8, (3, 3), 1, "SAME") for channels in (3, 5, 6, 16, 20)),
    (9, 9, 24, 12, (3, 3), 2, "SAME"),
    (9, 8, 24, 12, (1, 1), 2, "VALID"),
    (11, 7, 8, 7, (5, 3), 2, "VALID"),
    (30, 1, 16, 10, (9, 1), 2, "SAME"),
    (1, 1, 100, 10, (1, 1), 1, "VALID"),
    # First layers: few input channels, whose patches are gathered.
    (13, 10, 1, 9, (10, 4), 2, "SAME"),
    (9, 11, 3, 6, (3, 3), 2, "SAME"),
    (40, 40, 3, 16, (3, 3), 1, "SAME"),
    (6, 5, 2, 4, (1, 5), 1, "VALID"),
    (5, 5, 4, 17, (5, 5), 1, "VALID"),
]
# Output scale, weight scale, zero point of the output.
SCALINGS = [(0.3, 0.01, -7), (0.3, 0.01, -128), (0.001, 0.01, 3), (0.0002, 0.05, -7), (3000.0, 1e-5, 0)]
SCALING_NAMES = ["right shifts", "ReLU", "about one", "left shifts", "far right shifts"]


def _frames(flatbuffer_inputs: Sequence[tuple[int, ...]]) -> list[tuple[NDArray[Any], ...]]:
    """All lowest, all highest, and two random frames."""
    random = np.random.default_rng(1)
    fills = [np.int8(-128), np.int8(127)]
    extremes = [tuple(np.full(shape, fill) for shape in flatbuffer_inputs) for fill in fills]
    drawn = [
        tuple(random.integers(-128, 128, shape).astype(np.int8) for shape in flatbuffer_inputs)
        for _ in range(2)
    ]
    return [*extremes, *drawn]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("output_scale", "weight_scale", "zero_point"),
    SCALINGS,
    ids=SCALING_NAMES,
)
def test_convolutions_of_every_shape_are_exact(
    target: str, output_scale: float, weight_scale: float, zero_point: int
) -> None:
    flatbuffer = _convolutions(
        SHAPES, output_scale=output_scale, weight_scale=weight_scale, zero_point=zero_point
    )
    frames = _frames([(1, *case[:3]) for case in SHAPES])
    _assert_exact(flatbuffer, frames, target)


# Runs of whole steps of 8 bytes, one and several, rows that fill no tile, channels that fill no block.
LONG_STEP_SHAPES = [
    *((2, width, 16, 24, (1, 1), 1, "SAME") for width in range(1, 6)),
    *((1, 4, 40, filters, (1, 1), 1, "SAME") for filters in (3, 8, 13, 16, 33)),
    *((5, 7, 8, 16, (3, 3), stride, "SAME") for stride in (1, 2)),
    (7, 4, 24, 9, (3, 2), 1, "VALID"),
    (30, 1, 16, 10, (9, 1), 2, "SAME"),
    (1, 1, 128, 40, (1, 1), 1, "VALID"),
]


def _mixed_steps(shape: tuple[int, ...]) -> NDArray[np.int8]:
    """Weights [out, kernel_h, kernel_w, in] whose even steps are long, with the largest sums there are."""
    random = np.random.default_rng(3)
    values = random.choice(np.array([-127, 127], np.int8), shape).reshape(-1, 8)
    steps = int(np.prod(shape[1:])) // 8
    is_even = np.arange(len(values)) % steps % 2 == 0
    largest = np.array([64, 63, 64, 64, 63, 64, 64, 64], np.int8)  # of every second, 255
    values[is_even] = np.sign(values[is_even][:, :1]) * largest
    return values.reshape(shape)


@pytest.mark.parametrize("target", ["rpi4", "beaglebone-black"])
@pytest.mark.parametrize("reads", ["runs", "patches"])
def test_runs_and_patches_are_exact(target: str, reads: str) -> None:
    """Whichever takes fewer instructions, either may be chosen by a search."""
    cases = [case for case in SHAPES if case[4] != (1, 1)]
    choice = Choice("neon_mlal_rows", Parameters(reads=reads))
    frames = _frames([(1, *case[:3]) for case in cases])
    _assert_exact(_convolutions(cases), frames, target, lookup=lambda _job: choice)


@pytest.mark.parametrize(
    ("output_scale", "threads"),
    [(1.0, 1), (0.001, 1), (1.0, 3)],
    ids=["right shifts", "left shifts", "threads"],
)
def test_long_steps_are_exact(output_scale: float, threads: int) -> None:
    """All products of a step are added in int16: up to 255 times -128."""
    flatbuffer = _convolutions(LONG_STEP_SHAPES, output_scale=output_scale, weights=_mixed_steps)
    module = schedule(lower(read_tflite(flatbuffer, name="model")), load_target("rpi4")).module
    assert module.script().count("ek_convolution_row_mlal_long") >= len(LONG_STEP_SHAPES)
    frames = _frames([(1, *case[:3]) for case in LONG_STEP_SHAPES])
    _assert_exact(flatbuffer, frames, "rpi4", threads=threads)


@pytest.mark.parametrize("target", TARGETS)
def test_weights_of_minus_128_do_not_overflow(target: str) -> None:
    """Two products of -128 and -128 are 32,768: one more than an int16 holds."""
    cases = [(2, 4, 32, 8, (1, 1), 1, "SAME")]
    random = np.random.default_rng(0)
    model = ModelBuilder()
    x = model.input((1, 2, 4, 32), scale=0.02)
    weights = model.constant(np.full((8, 1, 1, 32), -128, np.int8), scale=0.01)
    out = spec((1, 2, 4, 8), scale=100.0)
    model.op("CONV_2D", [x, weights], [out], padding="SAME", stride_h=1, stride_w=1)
    frames = [*_frames([(1, *cases[0][:3])]), (random.integers(-128, -120, (1, 2, 4, 32)).astype(np.int8),)]
    _assert_exact(model.build(), frames, target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "seed",
    [
        seed if seed < QUICK_NETS else pytest.param(seed, marks=pytest.mark.full)
        for seed in itertools.chain(range(FULL_NETS))
    ],
)
def test_random_nets_are_exact(seed: int, target: str) -> None:
    net = random_net(seed)
    _assert_exact(net.flatbuffer, net.frames(2), target)

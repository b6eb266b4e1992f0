"""Micro-kernels for elementwise operators on ARM CPUs, run under QEMU: every output byte is the oracle's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgekit.oracle import run_oracle
from edgekit.target import load_target
from edgekit.testing.crossed import run_crossed
from edgekit.testing.int8 import assert_same_bits
from edgekit.testing.tflite_builder import ModelBuilder, spec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Draw = Callable[[np.random.Generator, int], NDArray[Any]]

pytestmark = pytest.mark.emulator

TARGETS = ("rpi4", "rpi5", "beaglebone-black")
SIZES = (1, 15, 31, 32, 33, 47, 48, 256, 1000)
ALL_PAIRS = 1 << 16


def _assert_exact(flatbuffer: bytes, frames: Sequence[tuple[NDArray[Any], ...]], target: str) -> None:
    expected = run_oracle(flatbuffer, frames)
    actual = run_crossed(flatbuffer, frames, load_target(target))
    for frame, (ours, theirs) in enumerate(zip(actual, expected, strict=True)):
        for output, (mine, reference) in enumerate(zip(ours, theirs, strict=True)):
            assert_same_bits(mine, reference, f"frame {frame}, output {output}")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", ["ADD", "SUB"])
def test_sums_of_all_pairs_of_values_are_exact(kind: str, target: str) -> None:
    scales = [(0.02, 0.05, 0.031, "NONE"), (0.02, 0.02, 0.04, "NONE"), (0.5, 0.003, 0.2, "RELU")]
    a, b = (pair.astype(np.int8).reshape(1, -1) for pair in np.mgrid[-128:128, -128:128])
    model = ModelBuilder()
    for first, second, result, activation in scales:
        inputs = [
            model.input((1, ALL_PAIRS), scale=scale, zero_point=zero)
            for scale, zero in ((first, 3), (second, -9))
        ]
        out = spec((1, ALL_PAIRS), scale=result, zero_point=-5)
        model.op(kind, inputs, [out], fused_activation_function=activation)
    _assert_exact(model.build(), [(a, b) * len(scales)], target)


@pytest.mark.parametrize("target", TARGETS)
def test_sums_of_every_size_are_exact_in_place_too(target: str) -> None:
    model = ModelBuilder()
    for size in SIZES:
        a, b = (model.input((1, size), scale=scale, zero_point=4) for scale in (0.02, 0.05))
        first = model.op("ADD", [a, b], [spec((1, size), scale=0.06, zero_point=1)])
        model.op("ADD", [first, b], [spec((1, size), scale=0.1, zero_point=-3)])
    _assert_exact(model.build(), _frames(lambda r, n: r.integers(-128, 128, n).astype(np.int8), 2), target)


def _frames(draw: Draw, each: int) -> list[tuple[NDArray[Any], ...]]:
    random = np.random.default_rng(3)
    return [tuple(draw(random, size).reshape(1, -1) for size in SIZES for _ in range(each)) for _ in range(2)]


def _reals(random: np.random.Generator, size: int) -> NDArray[np.float32]:
    """Halves of the scale 0.25 exactly, values far out of range among them."""
    halves = random.integers(-300, 300, size) * 0.125
    return np.where(random.random(size) < 0.1, halves * 1e5, halves).astype(np.float32)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("zero_point", [-128, 0, 100])
def test_quantized_reals_of_every_size_are_exact(zero_point: int, target: str) -> None:
    model = ModelBuilder()
    for size in SIZES:
        x = model.input((1, size), dtype="float32")
        model.op("QUANTIZE", [x], [spec((1, size), scale=0.25, zero_point=zero_point)])
    _assert_exact(model.build(), _frames(_reals, 1), target)


@pytest.mark.parametrize("target", TARGETS)
def test_dequantized_values_and_look_ups_of_every_size_are_exact(target: str) -> None:
    model = ModelBuilder()
    for size in SIZES:
        x = model.input((1, size), scale=0.031, zero_point=-20)
        model.op("DEQUANTIZE", [x], [spec((1, size), dtype="float32")])
        model.op("LOGISTIC", [x], [spec((1, size), scale=1 / 256, zero_point=-128)])
        model.op("QUANTIZE", [x], [spec((1, size), scale=0.05, zero_point=7)])
    _assert_exact(model.build(), _frames(lambda r, n: r.integers(-128, 128, n).astype(np.int8), 1), target)

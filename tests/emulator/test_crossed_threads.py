"""Kernels for ARM CPUs, shared by threads under QEMU: every output byte is the oracle's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.oracle import run_oracle
from edgekit.schedule import sharing
from edgekit.target import load_target
from edgekit.testing.crossed import run_crossed
from edgekit.testing.random_nets import random_net
from edgekit.testing.tflite_builder import ModelBuilder, spec

pytestmark = pytest.mark.emulator

TARGETS = ("rpi4", "rpi5", "beaglebone-black")


@pytest.fixture(autouse=True)
def all_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels are shared however little work they have."""
    monkeypatch.setattr(sharing, "_WORTH_NS", 0)


def _network() -> bytes:
    """A first layer, a depthwise and a pointwise convolution, and a fully connected layer."""
    random = np.random.default_rng(3)
    model = ModelBuilder()
    x = model.input((1, 21, 20, 3), scale=0.5, zero_point=-3)
    for kind, shape, size, channels in (
        ("CONV_2D", (16, 3, 3, 3), (11, 10), 16),
        ("DEPTHWISE_CONV_2D", (1, 3, 3, 16), (11, 10), 16),
        ("CONV_2D", (24, 1, 1, 16), (11, 10), 24),
    ):
        weights = model.constant(random.integers(-127, 128, shape, np.int8), scale=0.02)
        stride = 2 if shape == (16, 3, 3, 3) else 1
        options: dict[str, Any] = {"depth_multiplier": 1} if kind == "DEPTHWISE_CONV_2D" else {}
        out = spec((1, *size, channels), scale=0.9, zero_point=-1)
        x = model.op(kind, [x, weights], out, padding="SAME", stride_w=stride, stride_h=stride, **options)
    weights = model.constant(random.integers(-127, 128, (40, 11 * 10 * 24), np.int8), scale=0.001)
    model.output(model.op("FULLY_CONNECTED", [x, weights], spec((1, 40), scale=0.9, zero_point=2)))
    return model.build()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("threads", [2, 3])
def test_a_network_gives_the_same_bytes_by_several_threads(threads: int, target: str) -> None:
    frames = [(np.random.default_rng(i).integers(-128, 128, (1, 21, 20, 3), np.int8),) for i in range(2)]
    actual = run_crossed(_network(), frames, load_target(target), threads=threads)
    np.testing.assert_array_equal(np.stack(actual), np.stack(run_oracle(_network(), frames)))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("seed", range(2))
def test_a_random_net_gives_the_same_bytes_by_several_threads(seed: int, target: str) -> None:
    net = random_net(seed)
    frames = [tuple(frame) for frame in net.frames(2)]
    expected = run_oracle(net.flatbuffer, frames)
    actual = run_crossed(net.flatbuffer, frames, load_target(target), threads=4)
    for ours, theirs in zip(actual, expected, strict=True):
        for mine, reference in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(mine, reference)

"""The C of microcontrollers, compiled for this machine, answers as the reference does: every bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from edgekit.ingest import read_tflite
from edgekit.oracle import run_oracle
from edgekit.package.golden import random_frames
from edgekit.testing.firmware import run_firmware
from edgekit.testing.int8 import assert_same_bits
from edgekit.testing.models import ALL, model_path
from edgekit.testing.random_nets import random_net

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FRAMES = 4
FEW = ("keyword_spotting", "okay_nabu", "tflite_micro_magic_wand")  # convolutions, streaming, pooling
CLASSES = ("cortex-m0plus", "cortex-m4", "cortex-m55")  # a target of each class of cores
QUICK = [(name, "cortex-m4") for name in FEW] + [(FEW[0], "cortex-m0plus"), (FEW[0], "cortex-m55")]
QUICK_NETS = [(seed, "cortex-m4") for seed in range(5)] + [(5, "cortex-m0plus"), (6, "cortex-m55")]


def assert_agrees(
    flatbuffer: bytes, frames: Sequence[tuple[NDArray[Any], ...]], target: str, what: str
) -> None:
    answers = run_firmware(flatbuffer, frames, target)
    for frame, (actual, expected) in enumerate(zip(answers, run_oracle(flatbuffer, frames), strict=True)):
        for position, (ours, theirs) in enumerate(zip(actual, expected, strict=True)):
            assert_same_bits(ours, theirs, f"{what} for {target}: output {position} of frame {frame}")


def assert_trained_model_agrees(name: str, target: str) -> None:
    flatbuffer = model_path(name).read_bytes()
    inputs = random_frames(read_tflite(flatbuffer, name=name).graph, FRAMES)
    frames = [tuple(array[frame] for array in inputs) for frame in range(FRAMES)]
    assert_agrees(flatbuffer, frames, target, name)


@pytest.mark.parametrize(("name", "target"), QUICK)
def test_a_trained_model_in_c_gives_the_oracles_bytes(name: str, target: str) -> None:
    assert_trained_model_agrees(name, target)


@pytest.mark.full
@pytest.mark.parametrize("target", CLASSES)
@pytest.mark.parametrize("name", ALL)
def test_every_trained_model_in_c_gives_the_oracles_bytes(name: str, target: str) -> None:
    assert_trained_model_agrees(name, target)


@pytest.mark.parametrize(("seed", "target"), QUICK_NETS)
def test_a_random_net_in_c_agrees_with_the_reference(seed: int, target: str) -> None:
    net = random_net(seed)
    assert_agrees(net.flatbuffer, net.frames(FRAMES), target, repr(net))


@pytest.mark.full
@pytest.mark.parametrize("target", CLASSES)
@pytest.mark.parametrize("seed", range(7, 107))
def test_many_random_nets_in_c_agree_with_the_reference(seed: int, target: str) -> None:
    net = random_net(seed)
    assert_agrees(net.flatbuffer, net.frames(FRAMES), target, repr(net))

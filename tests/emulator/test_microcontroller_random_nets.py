"""Randomly composed nets answer as the reference interpreter does on every emulated core: every bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import edgekit
from edgekit.devices.emulated.microcontroller.device import microcontroller
from edgekit.devices.frames import pack_frames
from edgekit.oracle import run_oracle
from edgekit.testing.random_nets import random_net

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

pytestmark = [pytest.mark.emulator, pytest.mark.full]

# One core of each kind of kernels and of each machine.
CORES = ("cortex-m0plus", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "riscv32imc")
SPARE_BYTES = 64
FRAMES = 4  # the extremes of every input, then two random ones; state is carried along


def packed(frames: Sequence[Sequence[NDArray[Any]]]) -> bytes:
    return pack_frames([np.stack(column) for column in zip(*frames, strict=True)])


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("seed", range(100))
def test_a_random_net_agrees_with_the_reference(core: str, seed: int, tmp_path: Path) -> None:
    net = random_net(seed)
    (tmp_path / "net.tflite").write_bytes(net.flatbuffer)
    bundle = edgekit.build(tmp_path / "net.tflite", target=core, output=tmp_path)
    frames = net.frames(FRAMES)
    with microcontroller(bundle, lambda _stage, _share: None) as board:
        done = board.invoke(packed(frames))
    assert done.outputs == packed(run_oracle(net.flatbuffer, frames)), repr(net)
    # Scratch memory may be planned for the largest that its kernel takes; beyond what is planned nothing is.
    planned = bundle.manifest["memory"]
    assert planned["arena_bytes"] - SPARE_BYTES <= done.memory.arena_bytes <= planned["arena_bytes"]
    assert done.memory.state_bytes == planned["state_bytes"]

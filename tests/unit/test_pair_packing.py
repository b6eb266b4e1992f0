"""Weights for the kernels that multiply pairs of input bytes: every one lies where its step's input is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.compute.convolution import Convolution, Window
from edgekit.compute.fixed_point import Multiplier, Requantization
from edgekit.schedule.templates.convolution_rows import Runs
from edgekit.schedule.templates.pair_packing import (
    long_share,
    pack_long_steps,
    pack_steps,
    table_bytes,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _case(out_channels: int, segments: int, length: int) -> tuple[Convolution, Runs]:
    load = Convolution(
        batch=1, height=segments, width=1, in_channels=length, out_height=1, out_width=1,
        out_channels=out_channels, window=Window(kernel_h=segments, kernel_w=1),
        requantization=Requantization((Multiplier(1 << 30, 0),), 0, -128, 127),
    )  # fmt: skip
    runs = Runs(segments=segments, length=length, stride=length + 8, pixel_stride=length, unit=2, channels=8)
    return load, runs


def _weights(load: Convolution, limit: int = 127) -> NDArray[np.int8]:
    shape = (load.out_channels, load.window.kernel_h, load.window.kernel_w, load.in_channels)
    return np.random.default_rng(0).integers(-limit, limit, shape, endpoint=True).astype(np.int8)


def _unpack_long(packed: NDArray[np.int8], load: Convolution, runs: Runs, block: int) -> NDArray[np.int8]:
    """The weights, walking through tables and steps as the kernel does."""
    found = np.zeros((load.out_channels, runs.segments, runs.length), np.int8)
    at = channel = 0
    while channel < load.out_channels:
        vectors = min(block, -(-(load.out_channels - channel) // 8))
        long, others, offset, *distances = packed[at : at + table_bytes(runs)].view(np.int32)
        at += vectors * table_bytes(runs)
        for _, distance in zip(range(long + others), distances, strict=False):
            step = packed[at : at + vectors * 64].reshape(vectors, 4, 8, 2)
            by_channel = step.transpose(0, 2, 1, 3).reshape(vectors * 8, 8)
            real = by_channel[: load.out_channels - channel]
            found[channel : channel + len(real), offset // runs.stride, offset % runs.stride :][:, :8] = real
            at += step.size
            offset += distance
        channel += vectors * 8
    assert at == len(packed)
    return found


@given(
    out_channels=st.integers(1, 50),
    segments=st.integers(1, 4),
    steps=st.integers(1, 5),
    block=st.sampled_from([1, 2]),
    limit=st.integers(40, 127),
)
def test_every_weight_lies_where_the_distances_lead(
    out_channels: int, segments: int, steps: int, block: int, limit: int
) -> None:
    load, runs = _case(out_channels, segments, 8 * steps)
    weights = _weights(load, limit)
    packed = pack_long_steps(weights, load, runs, block)
    assert np.array_equal(
        _unpack_long(packed, load, runs, block), weights.reshape(out_channels, segments, -1)
    )


@pytest.mark.parametrize(("last", "share"), [(63, 1.0), (64, 0.5)])
def test_a_step_is_long_up_to_sums_of_255(last: int, share: float) -> None:
    """255 times -128 is at most 32,640; 256 times -128 may be 32,768: one more than an int16 holds."""
    load, runs = _case(8, 1, 16)
    weights = np.zeros((8, 1, 1, 16), np.int8)
    weights[3, 0, 0, 1:8:2] = [64, -64, 64, last]
    assert long_share(weights, load, runs, 2) == share


def test_runs_that_end_within_a_step_have_no_long_ones() -> None:
    load, runs = _case(8, 1, 12)
    assert long_share(np.zeros((8, 1, 1, 12), np.int8), load, runs, 2) == 0.0


@given(out_channels=st.integers(1, 40), segments=st.integers(1, 3), length=st.integers(1, 30))
def test_unordered_steps_hold_every_weight_once(out_channels: int, segments: int, length: int) -> None:
    load, runs = _case(out_channels, segments, length)
    packed = pack_steps(_weights(load), load, runs, 2)
    assert len(packed) == -(-out_channels // 8) * 8 * runs.packed_bytes
    assert np.array_equal(np.sort(packed[packed != 0]), np.sort(_weights(load)[_weights(load) != 0]))

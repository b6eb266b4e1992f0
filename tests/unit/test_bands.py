"""Layers in bands: every row is made once, from rows that are there, and the answer is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.compute.convolution import Window
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.lower.patches import in_bands
from edgekit.lower.patches.rewrite import find_chain, rewritten
from edgekit.lower.patches.rows import Layer, Rows, bands_of
from edgekit.oracle import run_oracle
from edgekit.package.golden import random_frames
from edgekit.schedule import schedule
from edgekit.target import load_target
from edgekit.testing.firmware import run_sources
from edgekit.testing.models import model_path

if TYPE_CHECKING:
    from edgekit.artifacts import LoweredModule, QuantizedModel


@st.composite
def _layers(draw: st.DrawFn) -> list[Layer]:
    """Two to four layers, the rows of each as many as its windows give with some padding below."""
    rows = draw(st.integers(6, 24))
    layers = []
    for _ in range(draw(st.integers(2, 4))):
        kernel, stride, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
        reach = (kernel - 1) * dilation + 1
        top, below = draw(st.integers(0, reach - 1)), draw(st.integers(0, reach - 1))
        out = max(1, (rows + top + below - reach) // stride + 1)
        window = Window(
            kernel_h=kernel, kernel_w=1, stride_h=stride, dilation_h=dilation, pad_top=top, pad_left=0
        )
        layers.append(Layer(window, rows, out, 1))
        rows = out
    return layers


def _taps(layer: Layer, row: int) -> set[int]:
    """Input rows that an output row reads."""
    window = layer.window
    first = row * window.stride_h - window.pad_top
    met = {first + tap * window.dilation_h for tap in range(window.kernel_h)}
    return {tap for tap in met if 0 <= tap < layer.in_rows}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(_layers(), st.integers(1, 8))
def test_every_row_is_made_once_from_rows_that_are_there(layers: list[Layer], rows: int) -> None:
    bands = bands_of(layers, rows)
    buffers: list[list[int | None]] = [[None] * held for held in bands.held]
    made: list[list[int]] = [[] for _ in layers]
    for step, bases in zip(bands.work, bands.bases, strict=True):
        if isinstance(step, Rows):
            needed = set().union(*(_taps(layers[step.layer], row) for row in range(step.begin, step.end)))
            assert needed <= set(range(step.reads_begin, step.reads_end))
            if step.layer > 0:
                held, base = buffers[step.layer - 1], bases[step.layer - 1]
                there = range(step.reads_begin, step.reads_end)
                assert [held[row - base] for row in there] == list(there)
            if step.layer < len(layers) - 1:
                for row in range(step.begin, step.end):
                    buffers[step.layer][row - bases[step.layer]] = row
            made[step.layer] += range(step.begin, step.end)
        else:
            assert step.count <= step.by  # so that a copy's two places are apart
            held, at = buffers[step.layer], step.begin - bases[step.layer]
            held[at - step.by : at - step.by + step.count] = held[at : at + step.count]
    assert made[-1] == list(range(layers[-1].out_rows))
    assert all(rows == list(range(len(rows))) for rows in made)


def test_windows_apart_need_no_rows_kept() -> None:
    """A pooling whose windows do not overlap: two rows in, one out, nothing to move."""
    convolution = Layer(Window(kernel_h=3, kernel_w=3), 10, 8, 16)
    pooling = Layer(Window(kernel_h=2, kernel_w=2, stride_h=2, stride_w=2), 8, 4, 8)
    bands = bands_of([convolution, pooling], 1)
    assert bands.held == (2,)
    assert [step for step in bands.work if not isinstance(step, Rows)] == []
    assert bands.work[2] == Rows(layer=0, begin=2, end=4, reads_begin=2, reads_end=6)


@pytest.fixture(scope="module")
def model() -> QuantizedModel:
    """Convolutions and poolings, one after the other."""
    return read_tflite(model_path("rock_paper_scissors"), name="model")


def _assert_exact(model: QuantizedModel, module: LoweredModule) -> None:
    from edgekit.codegen.firmware import generate_firmware

    frames = [tuple(array[frame] for array in random_frames(model.graph, 2)) for frame in range(2)]
    code = generate_firmware(model, schedule(module, load_target("cortex-m4")))
    answers = run_sources(code.files, frames)
    for actual, expected in zip(answers, run_oracle(model.flatbuffer, frames), strict=True):
        np.testing.assert_array_equal(actual[0], expected[0])


def test_a_model_in_the_chosen_bands_gives_the_oracles_bytes(model: QuantizedModel) -> None:
    module = in_bands(lower(model))
    assert len(module.calls) > 20
    _assert_exact(model, module)


def test_any_bands_give_the_oracles_bytes(model: QuantizedModel) -> None:
    """Three layers, five rows at a time, of which the last band has four."""
    module = lower(model)
    chain = find_chain(module)
    assert chain is not None
    assert [call.kind for call in chain.calls] == ["CONV_2D", "MAX_POOL_2D"] * 3
    _assert_exact(model, rewritten(module, chain.first(3), 5))


def test_bands_share_kernels(model: QuantizedModel) -> None:
    """All bands but the first and the last ones are alike."""
    module = in_bands(lower(model))
    assert len({call.kernel for call in module.calls}) < len(module.calls) // 4


def test_bands_make_no_products_twice(model: QuantizedModel) -> None:
    module = lower(model)
    assert sum(call.macs for call in in_bands(module).calls) <= sum(call.macs for call in module.calls)


def test_a_network_without_a_plane_stays_as_it_is() -> None:
    module = lower(read_tflite(model_path("anomaly_detection"), name="model"))
    assert in_bands(module) is module

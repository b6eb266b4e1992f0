"""Damaged files are refused with exit code 7, or read as graphs that hold together. Nothing else happens."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgekit.artifacts import DType
from edgekit.errors import EdgeKitError, ExitCode, UnreadableModelError, UnsupportedModelError
from edgekit.ingest import read_tflite
from edgekit.testing.models import model_path
from edgekit.testing.mutation import mutate
from edgekit.testing.random_nets import random_net

if TYPE_CHECKING:
    from edgekit.artifacts import Graph

MUTATIONS = 2000
LOWERED = 300
BATCHES = 8
# Far more than a file of 60 kB needs; what a hang or a huge allocation would exceed.
SECONDS_AT_MOST = 20
# Convolutions, dense layers with float edges, pooling, and a streaming model with two subgraphs.
SMALL_MODELS = ("fingerprint_signature_generator", "autoencoder_example", "tflite_micro_magic_wand", "alexa")


@cache
def small_models() -> tuple[bytes, ...]:
    return tuple(model_path(name).read_bytes() for name in SMALL_MODELS)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_damaged_file_is_refused_by_name_or_read_as_a_sound_graph(batch: int) -> None:
    refused = 0
    for seed in range(batch, MUTATIONS, BATCHES):
        began = time.monotonic()
        answer = read_or_refuse(mutate(small_models(), seed))
        assert time.monotonic() - began < SECONDS_AT_MOST, seed
        if isinstance(answer, EdgeKitError):
            refused += 1
            assert_is_a_good_refusal(answer)
        else:
            assert_sound(answer)
    assert refused > MUTATIONS // BATCHES // 4


def test_the_same_seed_gives_the_same_damage() -> None:
    assert [mutate(small_models(), seed) for seed in range(20)] == [
        mutate(small_models(), seed) for seed in range(20)
    ]


def read_or_refuse(damaged: bytes) -> Graph | EdgeKitError:
    try:
        return read_tflite(damaged, "damaged").graph
    except EdgeKitError as error:
        return error


def assert_is_a_good_refusal(error: EdgeKitError) -> None:
    assert type(error) in (UnreadableModelError, UnsupportedModelError)
    assert error.exit_code is ExitCode.MODEL
    assert error.what.startswith("damaged")
    assert error.why
    assert error.fix


def assert_sound(graph: Graph) -> None:
    """What every later stage relies on."""
    known = set(graph.inputs)
    for tensor in graph.tensors:
        assert all(size > 0 for size in tensor.shape)
        if tensor.is_variable or tensor.data is not None:
            known.add(tensor.index)
        if tensor.data is not None:
            assert tensor.data.shape == tensor.shape
            assert tensor.data.dtype == np.dtype(tensor.dtype.value)
            assert not tensor.data.flags.writeable
        if tensor.quantization is not None:
            assert all(np.isfinite(scale) and scale > 0 for scale in tensor.quantization.scales)
            assert len(tensor.quantization.scales) == len(tensor.quantization.zero_points)
    for operator in graph.operators:
        assert known.issuperset(index for index in operator.inputs if index is not None)
        assert known.isdisjoint(operator.outputs)
        known.update(operator.outputs)
    assert graph.outputs
    assert known.issuperset(graph.outputs)
    for variable in graph.variables:
        assert variable.initial.shape == variable.shape
        assert variable.dtype is not DType.RESOURCE


@pytest.mark.parametrize("batch", range(2))
def test_what_is_left_of_a_damaged_net_is_lowered_or_refused(batch: int) -> None:
    from edgekit.lower import lower

    lowered = refused = 0
    for seed in range(batch, LOWERED, 2):
        try:
            lower(read_tflite(mutate([random_net(seed).flatbuffer], seed), "damaged"))
        except (UnreadableModelError, UnsupportedModelError):
            refused += 1
        else:
            lowered += 1
    assert lowered >= 5
    assert refused >= 5

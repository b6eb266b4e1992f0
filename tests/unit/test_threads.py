"""Threads that share an invocation: the same bytes for every number of them, and pools that hold out."""

from __future__ import annotations

import ctypes
import dataclasses
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgekit.codegen import generate, library_name, resolve_host_cpu
from edgekit.codegen.llvm import compile_kernels
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.oracle import run_oracle
from edgekit.runtime.edgekit_model import Model, ModelError
from edgekit.schedule import schedule, sharing
from edgekit.schedule.template import Choice, Parameters
from edgekit.target import load_target
from edgekit.testing.native import native_code, run_library
from edgekit.testing.random_nets import random_net
from edgekit.testing.tflite_builder import ModelBuilder, spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.artifacts import Code

COUNTS = (1, 2, 3, 4, 7)
FRAMES = 3


@pytest.fixture
def all_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels are shared however little work they have."""
    monkeypatch.setattr(sharing, "_WORTH_NS", 0)


def _agrees_for_every_count(flatbuffer: bytes, frames: list[Any]) -> None:
    _code_agrees_for_every_count(native_code(flatbuffer), flatbuffer, frames)


def _code_agrees_for_every_count(code: Code, flatbuffer: bytes, frames: list[Any]) -> None:
    expected = run_oracle(flatbuffer, frames)
    for threads in COUNTS:
        for actual, wanted in zip(run_library(code, frames, threads), expected, strict=True):
            for ours, theirs in zip(actual, wanted, strict=True):
                np.testing.assert_array_equal(ours, theirs, err_msg=f"{threads} threads")


@pytest.mark.usefixtures("all_shared")
@pytest.mark.parametrize("seed", range(6))
def test_a_random_net_gives_the_same_bytes_for_every_number_of_threads(seed: int) -> None:
    net = random_net(seed)
    _agrees_for_every_count(net.flatbuffer, net.frames(FRAMES))


@pytest.mark.full
@pytest.mark.usefixtures("all_shared")
@pytest.mark.parametrize("seed", range(12, 72))
def test_many_random_nets_give_the_same_bytes_for_every_number_of_threads(seed: int) -> None:
    net = random_net(seed)
    _agrees_for_every_count(net.flatbuffer, net.frames(FRAMES))


# --------------------------------------------------------------------------------------- named cases


def _values(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.int8]:
    return np.random.default_rng(seed).integers(-127, 128, shape, np.int8)


def _convolution(height: int, width: int, channels: int, filters: int, size: int) -> bytes:
    model = ModelBuilder()
    x = model.input((1, height, width, channels), scale=0.5, zero_point=-3)
    weights = model.constant(_values((filters, size, size, channels)), scale=0.01)
    out = spec((1, height, width, filters), scale=0.7, zero_point=1)
    model.output(model.op("CONV_2D", [x, weights], out, padding="SAME", stride_w=1, stride_h=1))
    return model.build()


@pytest.mark.usefixtures("all_shared")
@pytest.mark.parametrize(
    ("height", "width", "channels", "filters", "size"),
    [
        pytest.param(1, 1, 70, 100, 1, id="one pixel, shared by channels"),
        pytest.param(1, 3, 8, 5, 1, id="fewer pixels than a tile has"),
        pytest.param(1, 61, 16, 24, 1, id="one row, shared by pixels"),
        pytest.param(2, 9, 3, 16, 3, id="fewer rows than threads"),
        pytest.param(5, 4, 2, 7, 3, id="a padded plane small enough for the stack"),
        pytest.param(33, 33, 3, 16, 5, id="a first layer, padded by a function"),
        pytest.param(3, 40, 6, 8, 5, id="padding above and below most rows"),
    ],
)
def test_a_convolution_gives_the_same_bytes_for_every_number_of_threads(
    height: int, width: int, channels: int, filters: int, size: int
) -> None:
    frames = [[_values((1, height, width, channels), seed)] for seed in range(FRAMES)]
    _agrees_for_every_count(_convolution(height, width, channels, filters, size), frames)


@pytest.mark.usefixtures("all_shared")
def test_threads_share_a_convolution_whose_tiles_need_much_memory() -> None:
    """What a tile stores first takes more than 1024 bytes, inside the loop that threads share."""
    builder = ModelBuilder()
    x = builder.input((1, 5, 40, 6), scale=0.5, zero_point=-3)
    weights = builder.constant(_values((257, 1, 3, 6)), scale=0.01)
    out = spec((1, 5, 40, 257), scale=0.7, zero_point=1)
    dilated: dict[str, Any] = {"dilation_h_factor": 1, "dilation_w_factor": 2}
    builder.op("CONV_2D", [x, weights], out, padding="SAME", stride_w=1, stride_h=1, **dilated)
    flatbuffer = builder.build()
    model = read_tflite(flatbuffer, name="model")
    plain = dataclasses.replace(resolve_host_cpu(load_target("host")), cpu="x86-64", features=())
    tile = Choice("convolution", Parameters(lanes=8, pixels=8))
    tuned = schedule(lower(model), plain, lambda _job: tile)
    assert len(compile_kernels(tuned.module, plain).shared) == len(tuned.calls)
    frames = [[_values((1, 5, 40, 6), seed)] for seed in range(FRAMES)]
    _code_agrees_for_every_count(generate(model, tuned), flatbuffer, frames)


def test_windows_that_see_nothing_but_padding_write_nothing_outside_of_the_plane() -> None:
    """Explicit padding that is wider than all that the windows read."""
    model = ModelBuilder()
    x = model.input((1, 6, 3, 17), scale=0.5, zero_point=-3)
    pads = model.constant(np.array([(0, 0), (0, 0), (3000, 0), (0, 0)], np.int32))
    padded = model.op("PAD", [x, pads], spec((1, 6, 3003, 17), scale=0.5, zero_point=-3))
    weights = model.constant(_values((5, 2, 2, 17)), scale=0.01)
    out = spec((1, 3, 1, 5), scale=0.7, zero_point=1)
    model.op("CONV_2D", [padded, weights], out, padding="VALID", stride_w=3002, stride_h=2)
    frames = [[_values((1, 6, 3, 17), seed)] for seed in range(FRAMES)]
    _agrees_for_every_count(model.build(), frames)


# -------------------------------------------------------------------------------------------- pools


@pytest.fixture(scope="module")
def shared_net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with a convolution that is worth sharing."""
    path = tmp_path_factory.mktemp("net") / library_name("model")
    path.write_bytes(native_code(_convolution(24, 24, 16, 32, 3)).files[path.name])
    return path


GIVEN = _values((1, 24, 24, 16), 5)


def _run_often(path: Path, threads: int, times: int) -> None:
    expected = Model(path).invoke(GIVEN)[0]
    model = Model(path, threads)
    for _ in range(times):
        np.testing.assert_array_equal(model.invoke(GIVEN)[0], expected)


def test_a_pool_gives_the_same_answer_a_thousand_times(shared_net: Path) -> None:
    _run_often(shared_net, threads=2, times=1000)


def test_two_pools_work_at_the_same_time_on_more_threads_than_cores(shared_net: Path) -> None:
    with ThreadPoolExecutor(2) as callers:
        for done in [callers.submit(_run_often, shared_net, threads, 300) for threads in (2, 5)]:
            done.result()


def test_pools_come_and_go(shared_net: Path) -> None:
    before = set(_tasks())
    for threads in (2, 3, 64, 1000):
        for _ in range(3):
            _run_often(shared_net, threads, times=1)
    # A thread may be joined a moment before the kernel stops listing it.
    deadline = time.monotonic() + 30
    while set(_tasks()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(_tasks()) <= before


def _tasks() -> list[str]:
    return [entry.name for entry in Path("/proc/self/task").iterdir()]


def test_no_number_of_threads_stands_for_one_a_core(shared_net: Path) -> None:
    _run_often(shared_net, threads=0, times=3)


def test_fewer_threads_than_none_are_refused(shared_net: Path) -> None:
    with pytest.raises(ModelError, match="threads is -1"):
        Model(shared_net, threads=-1)


def test_a_program_can_bring_its_own_threads(shared_net: Path) -> None:
    class Team(ctypes.Structure):
        _fields_ = [
            ("thread", ctypes.c_uint32),
            ("threads", ctypes.c_uint32),
            ("barrier", ctypes.CFUNCTYPE(None, ctypes.c_void_p)),
            ("context", ctypes.c_void_p),
        ]

    model = Model(shared_net)
    (expected,) = model.invoke(GIVEN)
    model._input_views[0][...] = GIVEN
    model._output_views[0][...] = 0
    invoke_part = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 5)(model._model.invoke_part)
    meeting = threading.Barrier(3)
    barrier = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _context: meeting.wait(30) and None)

    def part(thread: int) -> int:
        team = Team(thread, 3, barrier, None)
        return int(invoke_part(*model._memory, ctypes.addressof(team), None, None))

    with ThreadPoolExecutor(3) as callers:
        assert list(callers.map(part, range(3))) == [0, 0, 0]
    np.testing.assert_array_equal(model._output_views[0], expected)

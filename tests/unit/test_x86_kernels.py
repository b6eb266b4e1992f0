"""Micro-kernels for x86: every output byte is the oracle's.

A kernel whose instructions this machine lacks is compiled and not run; the test's report says so.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgekit.codegen import generate
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.oracle import run_oracle
from edgekit.runtime import edgekit_model
from edgekit.schedule import candidates, schedule, sharing
from edgekit.schedule.cpu import X86Kernel, cpu_class
from edgekit.testing.convolution_cases import (
    ConvolutionCase,
    Numbers,
    convolutions_model,
    extreme_and_random_frames,
)
from edgekit.testing.int8 import assert_same_bits
from edgekit.testing.native import native_code, run_library
from edgekit.testing.random_nets import random_net
from edgekit.testing.x86 import X86Cpu, runs_here, x86_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.schedule.template import Choice, Job, Lookup

CPUS = list(X86Cpu)
QUICK_NETS, FULL_NETS = 3, 40


def _candidate(number: int, cpu: X86Cpu) -> Lookup:
    """Choose every kernel's micro-kernel of that number, counted from the untuned one, round and round."""

    def lookup(job: Job) -> Choice | None:
        known = candidates(job, cpu_class(x86_target(cpu)))
        found = [choice for choice in known if choice.template.startswith("x86_")]
        return found[number % len(found)] if found else None

    return lookup


def _assert_exact(
    flatbuffer: bytes,
    frames: Sequence[tuple[NDArray[Any], ...]],
    cpu: X86Cpu,
    request: pytest.FixtureRequest,
    candidate: int = 0,
) -> None:
    model = read_tflite(flatbuffer, name="model")
    code = generate(model, schedule(lower(model), x86_target(cpu), _candidate(candidate, cpu)))
    if not runs_here(cpu):
        request.node.add_report_section("call", cpu, "This CPU lacks the instructions: compiled, not run.")
        return
    expected = run_oracle(flatbuffer, frames)
    actual = run_library(code, frames)
    for frame, (ours, theirs) in enumerate(zip(actual, expected, strict=True)):
        for index, (mine, reference) in enumerate(zip(ours, theirs, strict=True)):
            assert_same_bits(mine, reference, f"frame {frame}, output {index}")


def _depthwise(
    height: int, width: int, channels: int, kernel: tuple[int, int], stride: int = 1, padding: str = "SAME"
) -> ConvolutionCase:
    return ConvolutionCase(height, width, channels, 0, kernel, stride, padding, depth_multiplier=1)


# Rows of every remainder of a tile and of two strips, channels that fill no vector and several blocks,
# runs of every remainder of a unit, of 8 and of 32 bytes, all filter sizes.
SHAPES = [
    *(ConvolutionCase(3, width, 16, 8, (3, 1)) for width in range(1, 14)),
    *(ConvolutionCase(1, width, 8, 16) for width in (47, 49, 95, 96, 97, 101, 193)),
    *(ConvolutionCase(2, 5, 16, filters) for filters in (1, 2, 3, 5, 7, 9, 15, 17, 31, 33, 40, 63, 65, 100)),
    *(ConvolutionCase(1, 7, channels, 20) for channels in (*range(1, 10), 31, 32, 33, 63, 65)),
    *(ConvolutionCase(4, 9, channels, 8, (3, 3)) for channels in (1, 3, 5, 6, 16, 20)),
    ConvolutionCase(9, 9, 24, 12, (3, 3), 2),
    ConvolutionCase(9, 8, 24, 12, (1, 1), 2, "VALID"),
    ConvolutionCase(11, 7, 8, 7, (5, 3), 2, "VALID"),
    ConvolutionCase(30, 1, 16, 10, (9, 1), 2),
    ConvolutionCase(7, 7, 70, 50, (3, 3)),
    ConvolutionCase(13, 15, 40, 50, (3, 3)),
    ConvolutionCase(21, 7, 40, 33, (3, 5), 2),
    ConvolutionCase(5, 7, 9, 20, (7, 9)),
    ConvolutionCase(9, 5, 20, 70, (2, 2), 3, "VALID"),
    dataclasses.replace(ConvolutionCase(9, 3, 30, 20, (3, 1), 1, "VALID"), dilation=2),
    ConvolutionCase(1, 1, 100, 10, (1, 1), 1, "VALID"),
    ConvolutionCase(1, 1, 64, 130),
    *(ConvolutionCase(1, width, 64, 40) for width in (15, 16, 17, 32, 33, 49, 65)),
    *(ConvolutionCase(height, 11, 30, 33, (3, 3)) for height in (1, 2, 5, 12)),
    ConvolutionCase(9, 6, 64, 48, (3, 5)),
    ConvolutionCase(23, 2, 20, 17, (5, 3)),
    dataclasses.replace(ConvolutionCase(9, 6, 24, 20, (3, 1), 1, "VALID"), dilation=2),
]

NUMBERS = {
    "right shifts": Numbers(),
    "about one": Numbers(output_scale=0.001),
    "left shifts": Numbers(output_scale=0.0002, weight_scale=0.05, weight_scale_step=0.05),
    "far right shifts": Numbers(output_scale=3000.0, weight_scale=1e-5, weight_scale_step=1e-5),
    "powers of two, so that sums lie halfway": Numbers(
        input_scale=0.5, weight_scale=0.125, weight_scale_step=0.0, output_scale=32.0
    ),
    "sums just small enough to double": Numbers(
        bias_limit=(1 << 30) - 20_000_000, output_scale=2000.0, activation="RELU"
    ),
    "sums too large to double": Numbers(bias_limit=(1 << 31) - 20_000_000, output_scale=4000.0),
    "a clamp inside the range": Numbers(output_scale=0.1, activation="RELU6"),
    "weights of -128": Numbers(lowest_weight=-128, output_zero_point=127),
}

# Every kind of numbers on one class of CPUs, and on the others in the full run: each takes half a minute.
NUMBERS_AND_CPUS = [
    pytest.param(
        numbers,
        cpu,
        id=f"{name}-{cpu}",
        marks=() if kind % len(CPUS) == place else pytest.mark.full,
    )
    for kind, (name, numbers) in enumerate(NUMBERS.items())
    for place, cpu in enumerate(CPUS)
]


@pytest.mark.parametrize(("numbers", "cpu"), NUMBERS_AND_CPUS)
def test_convolutions_of_every_shape_are_exact(
    cpu: X86Cpu, numbers: Numbers, request: pytest.FixtureRequest
) -> None:
    flatbuffer = convolutions_model(SHAPES, numbers)
    _assert_exact(flatbuffer, extreme_and_random_frames(SHAPES), cpu, request)


# Rows of every remainder of a tile, odd and even numbers of rows, channels that fill no vector and several,
# filters of every width, in parts too, and ones that move by 1, 2, 3 and 4 columns.
DEPTHWISE_SHAPES = [
    *(_depthwise(4, width, 16, (3, 3), stride) for width in (1, 2, 3, 4, 5, 6, 9) for stride in (1, 2)),
    *(_depthwise(height, 4, 20, (3, 3)) for height in (1, 2, 3)),
    *(_depthwise(3, 5, channels, (3, 3)) for channels in (1, 5, 8, 15, 17, 31, 33)),
    *(_depthwise(5, 12, 18, (2, width)) for width in (*range(1, 8), 10, 12)),
    *(_depthwise(5, 13, 18, (2, width), 2) for width in (*range(1, 8), 10, 12)),
    *(_depthwise(1, 17, 3, (1, width)) for width in (4, 9, 11)),
    _depthwise(9, 8, 11, (3, 3), 3),
    _depthwise(9, 8, 11, (5, 6), 4),
    _depthwise(23, 1, 24, (9, 1)),
    _depthwise(23, 1, 24, (9, 1), 2),
    _depthwise(7, 9, 10, (4, 7), 1, "VALID"),
    dataclasses.replace(_depthwise(9, 9, 16, (3, 3), padding="VALID"), dilation=2),
    dataclasses.replace(_depthwise(9, 9, 20, (3, 2)), dilation=3),
    dataclasses.replace(_depthwise(5, 5, 7, (3, 3)), depth_multiplier=3),
    *(_depthwise(3, 30, channels, (3, 5), stride) for channels in (4, 9, 16) for stride in (1, 2)),
    dataclasses.replace(_depthwise(9, 33, 12, (5, 3), padding="VALID"), dilation=2),
]


@pytest.mark.parametrize(("numbers", "cpu"), NUMBERS_AND_CPUS)
def test_depthwise_convolutions_of_every_shape_are_exact(
    cpu: X86Cpu, numbers: Numbers, request: pytest.FixtureRequest
) -> None:
    flatbuffer = convolutions_model(DEPTHWISE_SHAPES, numbers)
    _assert_exact(flatbuffer, extreme_and_random_frames(DEPTHWISE_SHAPES), cpu, request)


CROSSED_SHAPES = [
    ConvolutionCase(7, 5, 13, 40, (3, 3)),
    ConvolutionCase(1, 13, 70, 17),
    ConvolutionCase(1, 1, 40, 70),
    _depthwise(6, 9, 20, (3, 3)),
    _depthwise(6, 9, 20, (3, 3), 2),
    _depthwise(3, 9, 5, (5, 5)),
]
CANDIDATES, QUICK_CANDIDATES = 36, 3  # the most that a convolution has here


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize(
    "candidate",
    [n if n <= QUICK_CANDIDATES else pytest.param(n, marks=pytest.mark.full) for n in range(1, CANDIDATES)],
)
def test_every_candidate_gives_the_same_bytes(
    cpu: X86Cpu, candidate: int, request: pytest.FixtureRequest
) -> None:
    flatbuffer = convolutions_model(CROSSED_SHAPES, Numbers())
    _assert_exact(flatbuffer, extreme_and_random_frames(CROSSED_SHAPES), cpu, request, candidate)


@pytest.mark.parametrize("cpu", CPUS)
def test_threads_never_get_less_of_a_row_than_a_tile(cpu: X86Cpu, request: pytest.FixtureRequest) -> None:
    """A tile that begins before its thread's part would write before the row."""
    known = cpu_class(x86_target(cpu))

    def longest_tile(job: Job) -> Choice:
        return max(candidates(job, known), key=lambda choice: choice.parameters.get("pixels", 0))

    case = ConvolutionCase(1, 49, 200, 96)
    flatbuffer, frames = convolutions_model([case], Numbers()), extreme_and_random_frames([case])
    model = read_tflite(flatbuffer, name="model")
    code = generate(model, schedule(lower(model), x86_target(cpu), longest_tile))
    if not runs_here(cpu):
        request.node.add_report_section("call", cpu, "This CPU lacks the instructions: compiled, not run.")
        return
    actual = run_library(code, frames, 7)
    for ours, theirs in zip(actual, run_oracle(flatbuffer, frames), strict=True):
        assert_same_bits(ours[0], theirs[0], "7 threads")


AMX_SHAPES = [
    ConvolutionCase(1, 193, 70, 33),  # read where it is, by pixels
    ConvolutionCase(30, 20, 16, 20, (3, 3)),  # padded, by rows
    ConvolutionCase(5, 6, 64, 130, (3, 3)),  # padded, by channels
    ConvolutionCase(27, 7, 40, 33, (3, 5), 2),  # gathered
]


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_share_what_tile_registers_multiply(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "_WORTH_NS", 0)
    if not runs_here(X86Cpu.AMX):
        pytest.skip("this CPU has no tile registers")
    flatbuffer, frames = convolutions_model(AMX_SHAPES, Numbers()), extreme_and_random_frames(AMX_SHAPES)
    actual = run_library(native_code(flatbuffer, x86_target(X86Cpu.AMX)), frames, threads)
    for ours, theirs in zip(actual, run_oracle(flatbuffer, frames), strict=True):
        for mine, reference in zip(ours, theirs, strict=True):
            assert_same_bits(mine, reference, f"{threads} threads")


_WITH_A_SMALL_SIGNAL_STACK = """
import ctypes, sys
class Stack(ctypes.Structure):
    _fields_ = [("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]
memory = ctypes.create_string_buffer(4096)
libc = ctypes.CDLL(None, use_errno=True)
assert libc.sigaltstack(ctypes.byref(Stack(ctypes.addressof(memory), 0, 4096)), None) == 0
assert libc.syscall(158, 0x1023, 18) != 0  # arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)
sys.path.insert(0, sys.argv[2])
import numpy as np
from edgekit_model import Model
frame = np.load(sys.argv[1] + "/frame.npz")
outputs = Model(sys.argv[1] + "/libmodel.so").invoke(*frame.values())
np.savez(sys.argv[1] + "/outputs.npz", *outputs)
"""


def test_convolutions_are_exact_where_the_kernel_refuses_tile_registers(tmp_path: Path) -> None:
    """Linux does, if a thread's stack for signals could not hold them."""
    if not runs_here(X86Cpu.AMX):
        pytest.skip("this CPU has no tile registers")
    flatbuffer, frames = convolutions_model(AMX_SHAPES, Numbers()), extreme_and_random_frames(AMX_SHAPES)
    code = native_code(flatbuffer, x86_target(X86Cpu.AMX))
    (tmp_path / "libmodel.so").write_bytes(code.files["libmodel.so"])
    np.savez(tmp_path / "frame.npz", *frames[-1])
    binding = str(Path(edgekit_model.__file__).parent)
    command = [sys.executable, "-c", _WITH_A_SMALL_SIGNAL_STACK, str(tmp_path), binding]
    subprocess.run(command, check=True, timeout=60)
    with np.load(tmp_path / "outputs.npz") as outputs:
        for mine, reference in zip(outputs.values(), run_oracle(flatbuffer, frames)[-1], strict=True):
            assert_same_bits(mine, reference, "without tile registers")


# Inputs that fill their 64 bytes, so that the output begins where the last run's padding is read.
@pytest.mark.parametrize(
    "case", [ConvolutionCase(4, 8, 2, 1), ConvolutionCase(8, 8, 3, 2), ConvolutionCase(1, 64, 1, 5)]
)
@pytest.mark.parametrize("cpu", CPUS)
def test_bytes_after_a_run_may_change_while_a_row_is_computed(
    cpu: X86Cpu, case: ConvolutionCase, request: pytest.FixtureRequest
) -> None:
    flatbuffer = convolutions_model([case], Numbers(output_scale=0.05))
    _assert_exact(flatbuffer, extreme_and_random_frames([case]), cpu, request)


@pytest.mark.parametrize("cpu", CPUS)
def test_the_largest_products_do_not_overflow(cpu: X86Cpu, request: pytest.FixtureRequest) -> None:
    """-128 times -128, wherever instructions add products in fewer than 32 bits."""
    case = ConvolutionCase(2, 4, 70, 24)
    flatbuffer = convolutions_model([case], Numbers(lowest_weight=-128, output_scale=10.0))
    low = np.full((1, 2, 4, 70), -128, np.int8)
    _assert_exact(flatbuffer, [(low,), *extreme_and_random_frames([case])], cpu, request)


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize(
    "seed",
    [n if n < QUICK_NETS else pytest.param(n, marks=pytest.mark.full) for n in range(FULL_NETS)],
)
def test_random_nets_are_exact(seed: int, cpu: X86Cpu, request: pytest.FixtureRequest) -> None:
    net = random_net(seed)
    _assert_exact(net.flatbuffer, net.frames(2), cpu, request)


@pytest.mark.parametrize("cpu", CPUS)
def test_a_cpu_gets_the_kernels_that_its_features_allow(cpu: X86Cpu) -> None:
    model = read_tflite(convolutions_model([ConvolutionCase(2, 5, 16, 8)], Numbers()), name="model")
    tuned = schedule(lower(model), x86_target(cpu))
    assert tuned.kernels == ("x86",)
    function = f"ek_convolution_plane_{cpu}_" if cpu is X86Cpu.AMX else f"ek_convolution_row_{cpu}_"
    assert function in tuned.module.script()


@pytest.mark.parametrize("cpu", CPUS)
def test_depthwise_convolutions_take_the_micro_kernels(cpu: X86Cpu) -> None:
    model = read_tflite(convolutions_model([_depthwise(4, 9, 16, (3, 3))], Numbers()), name="model")
    family = X86Cpu.AVX2 if cpu is X86Cpu.AVX2 else X86Cpu.VNNI
    assert f"ek_depthwise_row_{family}_3" in schedule(lower(model), x86_target(cpu)).module.script()


def test_a_cpu_without_avx2_gets_no_micro_kernels() -> None:
    target = dataclasses.replace(x86_target(X86Cpu.AVX2), cpu="x86-64-v2")
    model = read_tflite(convolutions_model(SHAPES[:2], Numbers()), name="model")
    assert schedule(lower(model), target).kernels == ()


def test_a_feature_that_a_hypervisor_hides_is_not_used() -> None:
    target = dataclasses.replace(x86_target(X86Cpu.VNNI), features=("+avx512vnni", "-avx512bw"))
    assert cpu_class(target).x86_kernel is X86Kernel.AVX2

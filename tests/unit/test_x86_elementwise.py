"""Micro-kernels for sums on x86: every output byte is the oracle's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgekit.codegen import generate
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.oracle import run_oracle
from edgekit.schedule import schedule
from edgekit.schedule.cpu import cpu_class
from edgekit.testing.int8 import assert_same_bits
from edgekit.testing.native import run_library
from edgekit.testing.tflite_builder import ModelBuilder, spec
from edgekit.testing.x86 import X86Cpu, runs_here, x86_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CPUS = list(X86Cpu)
ALL_PAIRS = 1 << 16
SIZES = (1, 15, 31, 32, 33, 63, 64, 65, 96, 127, 256, 1000)
SCALES = [
    (0.02, 0.05, 0.031, "NONE"),
    (0.02, 0.02, 0.04, "NONE"),  # halves
    (0.5132, 0.00311, 0.2137, "RELU"),
    (3.0, 0.1, 0.01, "NONE"),
    (0.003, 0.004, 2.0, "RELU6"),
]


def _assert_exact(
    flatbuffer: bytes,
    frames: Sequence[tuple[NDArray[Any], ...]],
    cpu: X86Cpu,
    request: pytest.FixtureRequest,
    threads: int = 1,
) -> None:
    tuned = schedule(lower(read_tflite(flatbuffer, name="model")), x86_target(cpu))
    assert f"ek_add_{cpu_class(x86_target(cpu)).x86_kernel}" in tuned.module.script()
    code = generate(read_tflite(flatbuffer, name="model"), tuned)
    if not runs_here(cpu):
        request.node.add_report_section("call", cpu, "This CPU lacks the instructions: compiled, not run.")
        return
    expected = run_oracle(flatbuffer, frames)
    for frame, (ours, theirs) in enumerate(zip(run_library(code, frames, threads), expected, strict=True)):
        for output, (mine, reference) in enumerate(zip(ours, theirs, strict=True)):
            assert_same_bits(mine, reference, f"frame {frame}, output {output}")


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("kind", ["ADD", "SUB"])
@pytest.mark.parametrize("threads", [1, 3])
def test_sums_of_all_pairs_of_values_are_exact(
    kind: str, cpu: X86Cpu, threads: int, request: pytest.FixtureRequest
) -> None:
    a, b = (pair.astype(np.int8).reshape(1, -1) for pair in np.mgrid[-128:128, -128:128])
    model = ModelBuilder()
    for first, second, result, activation in SCALES:
        inputs = [
            model.input((1, ALL_PAIRS), scale=scale, zero_point=zero)
            for scale, zero in ((first, 3), (second, -9))
        ]
        out = spec((1, ALL_PAIRS), scale=result, zero_point=-5)
        model.op(kind, inputs, [out], fused_activation_function=activation)
    _assert_exact(model.build(), [(a, b) * len(SCALES)], cpu, request, threads)


@pytest.mark.parametrize("cpu", CPUS)
def test_sums_of_every_size_are_exact_in_place_too(cpu: X86Cpu, request: pytest.FixtureRequest) -> None:
    model = ModelBuilder()
    for size in SIZES:
        a, b = (model.input((1, size), scale=scale, zero_point=4) for scale in (0.0213, 0.0507))
        first = model.op("ADD", [a, b], [spec((1, size), scale=0.0611, zero_point=1)])
        model.op("ADD", [first, b], [spec((1, size), scale=0.1037, zero_point=-3)])
    random = np.random.default_rng(3)
    frames = [
        tuple(random.integers(-128, 128, (1, size)).astype(np.int8) for size in SIZES for _ in range(2))
        for _ in range(2)
    ]
    _assert_exact(model.build(), frames, cpu, request)

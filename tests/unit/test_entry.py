"""The generated entry point: the same text as in the golden files, and C that every compiler takes."""

from __future__ import annotations

import dataclasses
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgekit.artifacts import steps_of
from edgekit.codegen import literals
from edgekit.codegen.arena import Kernels, plan_memory
from edgekit.codegen.entry import Entry, entry_source
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.runtime import runtime_file
from edgekit.target import load_target
from edgekit.testing.tflite_builder import ModelBuilder, spec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _entry(flatbuffer: bytes, name: str, shared: frozenset[str] = frozenset()) -> Entry:
    model = dataclasses.replace(read_tflite(flatbuffer, name=name), digest="0" * 64)
    lowered = lower(model)
    workspaces = {lowered.calls[0].kernel: (600,)}
    states = [f"state:{v.name}" for v in lowered.graph.variables]
    return Entry(
        model=model,
        target=load_target("rpi4"),
        graph=lowered.graph,
        calls=lowered.calls,
        buffers=lowered.buffers,
        inputs=lowered.inputs,
        outputs=lowered.outputs,
        plan=plan_memory(
            lowered.calls, lowered.buffers, lowered.inputs, lowered.outputs, Kernels(workspaces)
        ),
        functions={call.kernel: call.kernel for call in lowered.calls},
        workspaces=workspaces,
        shared=shared,
        constant_offsets={constant: 16 * i for i, constant in enumerate(lowered.constants)},
        initial_states={state: 4096 + 64 * i for i, state in enumerate(states)},
    )


def _small_net(name: str = "conv/out") -> bytes:
    model = ModelBuilder()
    x = model.input((1, 4, 4, 2), scale=0.5, zero_point=-3)
    weights = model.constant(np.ones((4, 3, 3, 2), np.int8), scale=0.1)
    y = model.op(
        "CONV_2D", [x, weights], [spec((1, 4, 4, 4), scale=0.7, zero_point=1, name=name)],
        padding="SAME", stride_w=1, stride_h=1,
    )  # fmt: skip
    window: dict[str, Any] = {"stride_w": 2, "stride_h": 2, "filter_width": 2, "filter_height": 2}
    model.op("MAX_POOL_2D", [y], [spec((1, 2, 2, 4), scale=0.7, zero_point=1)], padding="VALID", **window)
    return model.build()


def _compile(source: str, directory: Path) -> None:
    (directory / "model.c").write_text(source)
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-fsyntax-only"]
    folder = runtime_file("edgekit.h").parent
    subprocess.run(["cc", *flags, "-I", str(folder), "model.c"], cwd=directory, check=True)


def test_a_small_net_gives_the_golden_source(golden: Callable[[str, str], None]) -> None:
    golden("small_net.c", entry_source(_entry(_small_net(), "small net")))


def test_a_net_whose_convolution_is_shared_gives_the_golden_source(
    golden: Callable[[str, str], None], tmp_path: Path
) -> None:
    kernel = _entry(_small_net(), "small net").calls[0].kernel
    source = entry_source(_entry(_small_net(), "small net", frozenset([kernel])))
    golden("small_net_shared.c", source)
    _compile(source, tmp_path)


@pytest.mark.parametrize("name", ['*/ system("rm"); /*', 'quote " and \\ and ??/', "naïve\nname", "a*//*b"])
def test_names_from_the_file_cannot_escape_their_literals(name: str, tmp_path: Path) -> None:
    source = entry_source(_entry(_small_net(name), name))
    _compile(source, tmp_path)


def test_calls_of_one_operator_are_one_step() -> None:
    entry = _entry(_small_net(), "net")
    call = entry.calls[0]
    doubled = [call, dataclasses.replace(call, kernel="second"), *entry.calls[1:]]
    assert [len(step.calls) for step in steps_of(doubled)] == [2, 1]


def test_numbers_in_the_source_are_exact() -> None:
    assert float.fromhex(literals.exact_float(0.1).removesuffix("f")) == 0.1

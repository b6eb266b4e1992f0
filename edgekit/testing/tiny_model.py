"""A three-step streaming model in both forms: `.tflite`, and a library written by hand in C.

Runner, binding, bundles, verification and profiles are tested with it, without a compiler's kernels.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.artifacts import Code, KernelCall, MemoryPlan, steps_of
from edgekit.ingest import read_tflite
from edgekit.package import package_bundle
from edgekit.runtime import runtime_file
from edgekit.target import load_target
from edgekit.testing.tflite_builder import ModelBuilder, spec
from edgekit.toolchain import zig_cc

if TYPE_CHECKING:
    from edgekit.artifacts import Bundle
    from edgekit.target import Target

LIBRARY_NAME = "libtiny.so"
SHAPE = (2, 4)
ZERO_POINT = -1
_SOURCE = Path(__file__).with_name("tiny_model.c")
_QUANTIZED: dict[str, Any] = {"scale": 0.5, "zero_point": ZERO_POINT}


def tiny_flatbuffer() -> bytes:
    """The model as a `.tflite` file; its steps are operators 3, 4 and 5."""
    model = ModelBuilder()
    given = model.input(SHAPE, **_QUANTIZED)
    initial = np.full(SHAPE, ZERO_POINT, np.int8)
    previous = model.variable("previous", spec(SHAPE, **_QUANTIZED), initial)
    loudest = model.op("MAXIMUM", [given, previous.read()], spec(SHAPE, name="loudest", **_QUANTIZED))
    model.output(model.op("RELU", [loudest], spec(SHAPE, name="output", **_QUANTIZED)))
    previous.assign(given)
    return model.build()


@functools.cache
def tiny_library(target: Target, *bugs: str) -> bytes:
    """The library for a target; `bugs` name the mistakes of tiny_model.c: "SECOND_STEP", "ABI", …"""
    with tempfile.TemporaryDirectory(prefix="edgekit-tiny-") as folder:
        directory = Path(folder)
        for name, content in (
            ("tiny.c", _SOURCE.read_bytes()),
            ("edgekit.h", runtime_file("edgekit.h").read_bytes()),
        ):
            (directory / name).write_bytes(content)
        flags = ["-std=c99", "-O1", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror", "-fno-sanitize=all"]
        zig_cc(
            [*flags, *(f"-DBUG_{bug}" for bug in bugs), "tiny.c", "-o", LIBRARY_NAME],
            triple=target.triple,
            glibc=target.glibc,
            directory=directory,
        )
        return (directory / LIBRARY_NAME).read_bytes()


def tiny_bundle(directory: Path, *bugs: str, target: Target | None = None) -> Bundle:
    """A whole bundle of the model, with the oracle's golden vectors and a library with these bugs."""
    chosen = target or load_target("host")
    return package_bundle(
        read_tflite(tiny_flatbuffer(), name="tiny"),
        _code(tiny_library(chosen, *bugs)),
        chosen,
        directory=directory,
    )


def _code(library: bytes) -> Code:
    steps = ((3, "MAXIMUM", "tiny_maximum"), (4, "RELU", "tiny_relu"), (5, "ASSIGN_VARIABLE", "tiny_assign"))
    return Code(
        files={LIBRARY_NAME: library},
        plan=MemoryPlan(arena_bytes=136, state_bytes=8, offsets={}, workspaces={}),
        steps=steps_of(
            [
                KernelCall(kernel=kernel, operator=index, kind=kind, reads=(), writes=())
                for index, kind, kernel in steps
            ]
        ),
        code_bytes=0,
        weight_bytes=0,
    )

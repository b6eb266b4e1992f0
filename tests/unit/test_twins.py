"""Layers of one shape: one function in the library, and each layer's own constants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.codegen import resolve_host_cpu
from edgekit.codegen.llvm import compile_kernels
from edgekit.codegen.twins import merge_twins
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.oracle import run_oracle
from edgekit.schedule import schedule
from edgekit.target import load_target
from edgekit.testing.native import native_code, run_library
from edgekit.testing.tflite_builder import ModelBuilder, spec

if TYPE_CHECKING:
    from edgekit.artifacts import TunedModule

_SHAPE = (1, 6, 5, 16)


def _chain(zero_points: tuple[int, ...]) -> bytes:
    """Convolutions one after the other, with weights, biases and scales of their own."""
    model = ModelBuilder()
    random = np.random.default_rng(3)
    x = model.input(_SHAPE, scale=0.5, zero_point=zero_points[0])
    for layer, zero_point in enumerate(zero_points):
        weights = model.constant(random.integers(-127, 128, (16, 3, 3, 16), np.int8), 0.01 + 0.001 * layer)
        out = spec(_SHAPE, scale=4.0 + layer, zero_point=zero_point)
        x = model.op("CONV_2D", [x, weights], [out], padding="SAME", stride_w=1, stride_h=1)
    model.output(x)
    return model.build()


def _tuned(flatbuffer: bytes) -> TunedModule:
    return schedule(lower(read_tflite(flatbuffer, name="chain")), resolve_host_cpu(load_target("host")))


def test_layers_of_one_shape_share_a_function_and_keep_their_constants() -> None:
    flatbuffer = _chain((-3, -3, -3))
    tuned = _tuned(flatbuffer)
    names = [call.kernel for call in tuned.calls]
    kernels = compile_kernels(tuned.module, tuned.target)
    assert len(names) == 3
    assert kernels.functions == dict.fromkeys(names, names[0])
    assert set(kernels.workspaces) == set(names)
    assert kernels.shared in (frozenset(), frozenset(names))
    frames = [(np.random.default_rng(9).integers(-128, 128, _SHAPE, np.int8),)]
    for threads in (1, 2):
        ((actual,),) = run_library(native_code(flatbuffer), frames, threads)
        np.testing.assert_array_equal(actual, run_oracle(flatbuffer, frames)[0][0])


def test_layers_that_differ_in_what_is_compiled_in_have_functions_of_their_own() -> None:
    tuned = _tuned(_chain((-3, -3, 4)))
    first, second, third = (call.kernel for call in tuned.calls)
    module, functions = merge_twins(tuned.module)
    assert functions == {first: first, second: first, third: third}  # the last adds another zero point
    assert sorted(variable.name_hint for variable in module.functions) == [first, third]

"""materialize_outputs."""

from __future__ import annotations

import numpy as np

from edgekit.artifacts import LoweredModule
from edgekit.ingest import read_tflite
from edgekit.lower.assemble import assemble
from edgekit.lower.passes.materialize_outputs import materialize_outputs
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import assert_matches_oracle
from tests.unit.passes.unchanged import unchanged_module


def module_of(model: ModelBuilder) -> LoweredModule:
    return assemble(read_tflite(model.build(), name="model").graph)


def reshaped_result() -> ModelBuilder:
    """The last operator is a RESHAPE of what a kernel computes."""
    model = ModelBuilder()
    axes = model.constant(np.array([1, 0], np.int32))
    y = model.op("TRANSPOSE", [model.input((2, 3)), axes], spec((3, 2)))
    model.op("RESHAPE", [y], spec((6,)))
    return model


def reshaped_input() -> ModelBuilder:
    model = ModelBuilder()
    model.op("RESHAPE", [model.input((2, 3))], spec((6,)))
    return model


def assert_own_memory(module: LoweredModule) -> None:
    assert len(set(module.outputs)) == len(module.outputs)
    assert not set(module.outputs).intersection(module.inputs)
    for name in module.outputs:
        assert module.buffers[name].name == name
        assert module.buffers[name].alias_of is None
        assert not module.buffers[name].is_state


def test_a_reshaped_result_is_computed_into_the_output() -> None:
    before = module_of(reshaped_result())
    after = materialize_outputs(before)
    assert after.calls == before.calls
    assert after.outputs == before.outputs
    assert after.buffers[after.calls[0].writes[0]].alias_of == after.outputs[0]
    assert_own_memory(after)


def test_outputs_with_memory_of_their_own_stay() -> None:
    model = ModelBuilder()
    axes = model.constant(np.array([1, 0], np.int32))
    model.op("TRANSPOSE", [model.input((2, 3)), axes], spec((3, 2)))
    before = module_of(model)
    after = materialize_outputs(before)
    assert (after.calls, after.buffers, after.outputs) == (before.calls, before.buffers, before.outputs)


def test_an_output_that_is_an_input_is_copied() -> None:
    after = materialize_outputs(module_of(reshaped_input()))
    (call,) = after.calls
    assert (call.kind, call.writes) == ("RESHAPE", after.outputs)
    assert_own_memory(after)
    assert_matches_oracle(reshaped_input().build())


def test_outputs_that_share_memory_are_told_apart() -> None:
    model = reshaped_result()
    graph = read_tflite(model.build(), name="model").graph
    transposed, flat = (operator.outputs[0] for operator in graph.operators)
    model.output(flat, transposed, flat, model.op("RESHAPE", [flat], spec((1, 6))))
    assert_own_memory(materialize_outputs(module_of(model)))
    assert_matches_oracle(model.build())


def test_parts_of_one_tensor_are_copied() -> None:
    model = ModelBuilder()
    axes = model.constant(np.array([1, 0], np.int32))
    y = model.op("TRANSPOSE", [model.input((2, 3)), axes], spec((3, 2)))
    model.op("UNPACK", [y], [spec((2,))] * 3, num=3, axis=0)
    after = materialize_outputs(module_of(model))
    assert [call.kind for call in after.calls] == ["TRANSPOSE", "UNPACK", "UNPACK", "UNPACK"]
    assert_own_memory(after)
    assert_matches_oracle(model.build())


def test_the_input_is_left_alone() -> None:
    module = module_of(reshaped_result())
    with unchanged_module(module):
        materialize_outputs(module)

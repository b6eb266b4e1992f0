"""read_variables_in_place."""

from __future__ import annotations

import pytest

from edgekit.artifacts import LoweredModule
from edgekit.ingest import read_tflite
from edgekit.lower.assemble import assemble
from edgekit.lower.passes.read_variables_in_place import read_variables_in_place
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.passes.unchanged import unchanged_module


def delayed(*, assigned: str) -> LoweredModule:
    """A variable read, used twice, and assigned "last", "between" the uses, or with a part of "itself"."""
    model = ModelBuilder()
    x = model.input((2, 3))
    memory = model.variable("memory", spec((2, 3)))
    old = memory.read()
    model.op("CONCATENATION", [old, x], spec((4, 3)), axis=0)
    if assigned == "between":
        memory.assign(x)
    flat = model.op("RESHAPE", [old], spec((6,)))
    model.op("CONCATENATION", [flat, flat], spec((12,)), axis=0)
    if assigned == "itself":
        memory.assign(model.op("RESHAPE", [flat], spec((2, 3))))
    if assigned == "last":
        memory.assign(x)
    return assemble(read_tflite(model.build(), name="model").graph)


def kinds(module: LoweredModule) -> list[str]:
    return [call.kind for call in module.calls]


def test_a_variable_assigned_after_its_last_use_is_read_where_it_is() -> None:
    before = delayed(assigned="last")
    after = read_variables_in_place(before)
    assert kinds(before) == ["READ_VARIABLE", "CONCATENATION", "CONCATENATION", "ASSIGN_VARIABLE"]
    assert kinds(after) == kinds(before)[1:]
    (read,) = (call for call in before.calls if call.kind == "READ_VARIABLE")
    assert after.buffers[read.writes[0]].alias_of == "state:/memory"
    assert {function.name_hint for function in after.module.functions} == {c.kernel for c in after.calls}


@pytest.mark.parametrize("assigned", ["between", "itself"])
def test_a_variable_assigned_before_its_last_use_is_copied(assigned: str) -> None:
    before = delayed(assigned=assigned)
    assert kinds(read_variables_in_place(before)) == kinds(before)


def test_a_variable_that_is_assigned_and_an_output_is_copied() -> None:
    model = ModelBuilder()
    x = model.input((2, 3))
    memory = model.variable("memory", spec((2, 3)))
    flat = model.op("RESHAPE", [memory.read()], spec((6,)))
    memory.assign(x)
    before = assemble(read_tflite(model.output(flat).build(), name="model").graph)
    assert kinds(read_variables_in_place(before)) == kinds(before)


def test_the_input_is_left_alone() -> None:
    module = delayed(assigned="last")
    with unchanged_module(module):
        read_variables_in_place(module)

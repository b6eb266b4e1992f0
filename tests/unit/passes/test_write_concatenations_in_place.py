"""write_concatenations_in_place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.artifacts import LoweredModule, root_of
from edgekit.ingest import read_tflite
from edgekit.lower.assemble import assemble
from edgekit.lower.passes.write_concatenations_in_place import write_concatenations_in_place
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.operators.harness import assert_matches_oracle
from tests.unit.passes.unchanged import unchanged_module


def reversed_rows(model: ModelBuilder, x: int, shape: tuple[int, int], dtype: str = "int8") -> int:
    """A copy that is no alias."""
    axes = model.constant(np.array([1, 0], np.int32))
    return model.op("TRANSPOSE", [x, axes], spec(shape[::-1], dtype))


def joined(axis: int) -> ModelBuilder:
    """Two computed tensors, joined, and one of them read again."""
    model = ModelBuilder()
    x = model.input((2, 3))
    first, second = (reversed_rows(model, x, (2, 3)) for _ in range(2))
    rows = [model.op("RESHAPE", [tensor], spec((1, 2, 3))) for tensor in (first, second)]
    shape = (1, 4, 3) if axis == 1 else (1, 2, 6)
    both = model.op("CONCATENATION", rows, spec(shape), axis=axis)
    again = model.op("PACK", [first, first], spec((3, 2, 2)), values_count=2, axis=2)
    return model.output(both, again)


def module_of(model: ModelBuilder) -> LoweredModule:
    return assemble(read_tflite(model.build(), name="model").graph)


def kinds(module: LoweredModule) -> list[str]:
    return [call.kind for call in module.calls]


def test_tensors_are_written_where_they_end_up() -> None:
    before = module_of(joined(axis=1))
    after = write_concatenations_in_place(before)
    assert kinds(before) == ["TRANSPOSE", "TRANSPOSE", "CONCATENATION", "PACK"]
    assert kinds(after) == ["TRANSPOSE", "TRANSPOSE", "PACK"]
    target = before.calls[2].writes[0]
    assert [root_of(after.buffers, call.writes[0]) for call in after.calls[:2]] == [(target, 0), (target, 6)]


def test_tensors_that_take_turns_in_memory_are_joined_by_a_kernel() -> None:
    before = module_of(joined(axis=2))
    assert kinds(write_concatenations_in_place(before)) == kinds(before)


def copies(module: LoweredModule) -> list[tuple[str, ...]]:
    return [call.reads for call in module.calls if call.kind == "CONCATENATION"]


def test_what_may_not_move_is_copied() -> None:
    model = ModelBuilder()
    x, square = model.input((1, 4)), model.input((2, 2))
    row = model.constant(np.array([[1, 2, 3, 4]], np.int8))
    part = model.op("UNPACK", [model.input((2, 4))], [spec((4,)), spec((4,))], num=2, axis=0)
    part = model.op("RESHAPE", [part + 1], spec((1, 4)))
    once = model.op("RESHAPE", [reversed_rows(model, square, (2, 2))], spec((1, 4)))
    out = model.op("RESHAPE", [reversed_rows(model, square, (2, 2))], spec((1, 4)))
    joined = model.op("CONCATENATION", [x, row, part, once, once, out], spec((6, 4)), axis=0)
    after = write_concatenations_in_place(module_of(model.output(joined, out)))
    names = [f"t{index}" for index in (x, part, once, out)]
    assert [read for (read,) in copies(after)] == [names[0], "c0", *names[1:]]
    assert_matches_oracle(model.build())


@pytest.mark.parametrize("axis", [1, 2])
def test_the_answer_stays_the_same(axis: int) -> None:
    assert_matches_oracle(joined(axis).build())


def test_joins_of_joins_stay_right() -> None:
    model = ModelBuilder()
    x = model.input((2, 3), "int8")
    pieces = [reversed_rows(model, x, (2, 3)) for _ in range(3)]
    inner = model.op("CONCATENATION", pieces[:2], spec((6, 2)), axis=0)
    outer = model.op("CONCATENATION", [pieces[2], inner], spec((9, 2)), axis=0)
    model.op("CONCATENATION", [outer, inner, pieces[0]], spec((18, 2)), axis=0)
    assert_matches_oracle(model.output(outer, outer + 1).build())


@pytest.mark.parametrize("dtype", ["int16", "int32"])
def test_windows_of_wide_types_stay_right(dtype: str) -> None:
    model = ModelBuilder()
    like: dict[str, Any] = {"scale": 0.5} if dtype == "int16" else {}
    x = model.input((1, 3), dtype, **like)
    y = model.op("SLICE", [x, *(model.constant(np.array(v, np.int32)) for v in ([0, 1], [1, 1]))],
                 spec((1, 1), dtype, **like))  # fmt: skip
    model.op("CONCATENATION", [y, x, y], spec((1, 5), dtype, **like), axis=1)
    assert_matches_oracle(model.build())


def test_the_input_is_left_alone() -> None:
    module = module_of(joined(axis=1))
    with unchanged_module(module):
        write_concatenations_in_place(module)

"""fold_constants: shape arithmetic and constants that are only moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.artifacts import Graph
from edgekit.ingest import read_tflite
from edgekit.lower import simplified
from edgekit.lower.passes.fold_constants import fold_constants
from edgekit.lower.support import explain
from edgekit.testing.tflite_builder import ModelBuilder, TensorSpec, spec
from tests.unit.passes.unchanged import unchanged_graph


def graph_of(model: ModelBuilder) -> Graph:
    return read_tflite(model.build(), name="model").graph


def folded(kind: str, constants: list[Any], outputs: list[TensorSpec], **options: Any) -> list[Any]:
    """What the pass computes of one operator on constants; its outputs are joined to an input after it."""
    model = ModelBuilder()
    inputs = [model.constant(values) for values in constants]
    first = model.op(kind, inputs, outputs, **options)
    for index, out in enumerate(outputs):
        x = model.input(out.shape, out.dtype)
        model.op("PACK", [first + index, x], spec((2, *out.shape), out.dtype), values_count=2, axis=0)
    graph = graph_of(model)
    result = fold_constants(graph)
    assert [operator.kind for operator in result.operators] == ["PACK"] * len(outputs)
    return [result.tensors[index].data for index in graph.operators[0].outputs]


def int32(*values: Any) -> Any:
    return np.array(values[0] if len(values) == 1 else values, np.int32)


def shape_arithmetic() -> ModelBuilder:
    """What Keras makes of Reshape((-1, 4)) with an open batch."""
    model = ModelBuilder()
    x = model.input((2, 12))
    sizes = model.op("SHAPE", [x], spec((2,), "int32"), out_type="INT32")
    bounds = [model.constant(int32([n])) for n in (0, 1, 1)]
    batch = model.op("STRIDED_SLICE", [sizes, *bounds], spec((), "int32"), shrink_axis_mask=1)
    rows = model.op("MUL", [batch, model.constant(int32(3))], spec((), "int32"))
    shape = model.op("PACK", [rows, model.constant(int32(4))], spec((2,), "int32"), values_count=2, axis=0)
    model.op("RESHAPE", [x, shape], spec((6, 4)))
    return model


def test_shape_arithmetic_becomes_a_constant() -> None:
    result = fold_constants(graph_of(shape_arithmetic()))
    (reshape,) = result.operators
    assert reshape.kind == "RESHAPE"
    np.testing.assert_array_equal(result.tensors[reshape.inputs[1] or 0].data, [6, 4])


def test_what_is_computed_keeps_its_index() -> None:
    graph = graph_of(shape_arithmetic())
    assert [operator.index for operator in fold_constants(graph).operators] == [len(graph.operators) - 1]


def test_values_that_depend_on_an_input_stay() -> None:
    model = ModelBuilder()
    x = model.input((2,), "int32")
    y = model.op("PACK", [x, model.constant(int32([1, 2]))], spec((2, 2), "int32"), values_count=2, axis=0)
    model.op("RESHAPE", [y], spec((4,), "int32"))
    graph = graph_of(model)
    assert fold_constants(graph).operators == graph.operators


def test_outputs_of_the_network_stay_computed() -> None:
    model = ModelBuilder()
    model.op("SHAPE", [model.input((2, 12))], spec((2,), "int32"), out_type="INT32")
    graph = graph_of(model)
    assert fold_constants(graph).operators == graph.operators


def test_operators_whose_rules_do_not_hold_stay() -> None:
    model = ModelBuilder()
    bad = model.op("RESHAPE", [model.constant(int32([1, 2, 3]))], spec((2,), "int32"))
    model.op("PACK", [bad, model.input((2,), "int32")], spec((2, 2), "int32"), values_count=2, axis=0)
    graph = graph_of(model)
    assert fold_constants(graph).operators == graph.operators


def test_small_constants_do_not_grow_large() -> None:
    model = ModelBuilder()
    size = 1 << 17
    paddings = model.constant(np.array([[0, size - 1]], np.int32))
    padded = model.op("PAD", [model.constant(np.zeros(1, np.int8)), paddings], spec((size,)))
    model.op("PACK", [padded, model.input((size,))], spec((2, size)), values_count=2, axis=0)
    graph = graph_of(model)
    assert fold_constants(graph).operators == graph.operators


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("ADD", [-(1 << 31), 5]), ("SUB", [(1 << 31) - 2, -1]), ("MUL", [(1 << 31) - 1, 6])],
)
def test_integers_wrap(kind: str, expected: list[int]) -> None:
    (values,) = folded(
        kind, [int32((1 << 31) - 1, 2), int32(1, 3)], [spec((2,), "int32")], fused_activation_function="NONE"
    )
    np.testing.assert_array_equal(values, np.array(expected, np.int64).astype(np.int32))


def test_constants_are_moved() -> None:
    x = np.arange(12, dtype=np.int32).reshape(3, 4)
    cases: list[tuple[str, list[Any], dict[str, Any], list[Any]]] = [
        ("SLICE", [x, int32(1, 0), int32(2, 3)], {}, [x[1:3, :3]]),
        ("SPLIT", [int32(1), x], {"num_splits": 2}, [x[:, :2], x[:, 2:]]),
        ("SPLIT_V", [x, int32(1, 2), int32(0)], {"num_splits": 2}, [x[:1], x[1:]]),
        ("UNPACK", [x], {"num": 3, "axis": 0}, list(x)),
        ("PACK", [x, x], {"values_count": 2, "axis": -1}, [np.stack([x, x], -1)]),
        ("CONCATENATION", [x, x], {"axis": 1}, [np.concatenate([x, x], 1)]),
        ("TRANSPOSE", [x, int32(1, 0)], {}, [x.T]),
        ("GATHER", [x, int32(2, 0)], {"axis": 0, "batch_dims": 0}, [x[[2, 0]]]),
        ("GATHER", [x, int32([[3], [0], [1]])], {"axis": 1, "batch_dims": 1}, [np.array([[3], [4], [9]])]),
        ("PAD", [x, int32([[1, 0], [0, 2]])], {}, [np.pad(x, ((1, 0), (0, 2)))]),
        (
            "PADV2",
            [x, int32([[1, 0], [0, 2]]), int32([7])],
            {},
            [np.pad(x, ((1, 0), (0, 2)), constant_values=7)],
        ),
        ("SQUEEZE", [x[:1]], {"squeeze_dims": (0,)}, [x[0]]),
        ("EXPAND_DIMS", [x, int32(0)], {}, [x[None]]),
    ]
    for kind, constants, options, expected in cases:
        actual = folded(kind, constants, [spec(e.shape, "int32") for e in expected], **options)
        for values, reference in zip(actual, expected, strict=True):
            np.testing.assert_array_equal(values, reference, err_msg=kind)
            assert not values.flags.writeable


def test_arithmetic_that_no_kernel_does_can_be_built_on_shapes() -> None:
    model = ModelBuilder()
    x = model.input((2, 12))
    sizes = model.op("SHAPE", [x], spec((2,), "int64"), out_type="INT64")
    doubled = model.op("MUL", [sizes, model.constant(np.array(2))], spec((2,), "int64"))
    model.op("RESHAPE", [x, doubled], spec((4, 6)))
    graph = graph_of(model)
    assert [problem.kind for problem in explain(graph)] == ["MUL"]
    assert explain(simplified(graph)) == ()


def test_the_input_is_left_alone() -> None:
    graph = graph_of(shape_arithmetic())
    with unchanged_graph(graph):
        fold_constants(graph)

"""drop_dead_operators."""

from __future__ import annotations

from edgekit.artifacts import Graph
from edgekit.ingest import read_tflite
from edgekit.lower.passes.drop_dead_operators import drop_dead_operators
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.unit.passes.unchanged import unchanged_graph


def with_dead_branch() -> Graph:
    model = ModelBuilder()
    x = model.input((2, 3))
    y = model.op("RESHAPE", [x], spec((6,)))
    unread = model.op("RESHAPE", [y], spec((3, 2)))
    model.op("RESHAPE", [unread], spec((1, 6)))
    return read_tflite(model.output(y).build(), name="model").graph


def test_branches_that_nobody_reads_go() -> None:
    graph = with_dead_branch()
    assert drop_dead_operators(graph).operators == graph.operators[:1]


def test_an_operator_with_one_output_of_use_stays() -> None:
    model = ModelBuilder()
    parts = model.op("UNPACK", [model.input((2, 3))], [spec((3,)), spec((3,))], num=2, axis=0)
    graph = read_tflite(model.output(parts + 1).build(), name="model").graph
    assert drop_dead_operators(graph).operators == graph.operators


def test_assignments_and_what_they_need_stay() -> None:
    model = ModelBuilder()
    x = model.input((2, 3))
    memory = model.variable("memory", spec((6,)))
    old = memory.read()
    memory.assign(model.op("RESHAPE", [x], spec((6,))))
    graph = read_tflite(model.output(old).build(), name="model").graph
    assert drop_dead_operators(graph).operators == graph.operators


def test_the_input_is_left_alone() -> None:
    graph = with_dead_branch()
    with unchanged_graph(graph):
        drop_dead_operators(graph)

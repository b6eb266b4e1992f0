"""What `inspect` says of a model: its operators, their cost, and every reason why it cannot be built."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner

import edgekit
from edgekit.cli.inspect_command import command
from edgekit.cli.main import main
from edgekit.errors import ExitCode, UnreadableModelError
from edgekit.ingest import costs
from edgekit.ingest.tflite_reader import survey_tflite
from edgekit.testing.models import model_path
from edgekit.testing.tflite_builder import ModelBuilder, spec
from edgekit.verbs.inspect import Inspection, inspect

if TYPE_CHECKING:
    from pathlib import Path


def convolutions() -> ModelBuilder:
    """A strided convolution (4 channels of 3x3x3), a depthwise one and a dense layer of 5 units."""
    model = ModelBuilder("three layers")
    x = model.input((1, 8, 8, 3), scale=0.1, zero_point=3, name="pixels")
    weights = model.constant(np.ones((4, 3, 3, 3), np.int8), 0.1)
    bias = model.constant(np.ones(4, np.int32), 0.01)
    once = model.op("CONV_2D", [x, weights, bias], spec((1, 4, 4, 4), scale=0.5), stride_w=2, stride_h=2)
    taps = model.constant(np.ones((1, 3, 3, 4), np.int8), 0.1)
    twice = model.op(
        "DEPTHWISE_CONV_2D",
        [once, taps],
        spec((1, 4, 4, 4), scale=0.5),
        stride_w=1,
        stride_h=1,
        depth_multiplier=1,
    )
    flat = model.op("RESHAPE", [twice], spec((1, 64), scale=0.5), new_shape=(1, 64))
    dense = model.constant(np.ones((5, 64), np.int8), 0.1)
    model.op("FULLY_CONNECTED", [flat, dense], spec((1, 5), scale=0.5))
    return model


def look(model: ModelBuilder, folder: Path) -> Inspection:
    path = folder / "net.tflite"
    path.write_bytes(model.build())
    return inspect(path)


def test_operators_come_with_their_shapes_and_costs(tmp_path: Path) -> None:
    found = look(convolutions(), tmp_path)
    assert (found.name, found.description) == ("net", "three layers")
    assert [operator.kind for operator in found.operators] == [
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "RESHAPE",
        "FULLY_CONNECTED",
    ]
    assert [operator.macs for operator in found.operators] == [16 * 4 * 27, 16 * 4 * 9, 0, 5 * 64]
    assert [operator.constant_bytes for operator in found.operators] == [108 + 16, 36, 0, 320]
    assert found.macs == 1728 + 576 + 320
    assert found.constant_bytes == 124 + 36 + 320
    assert found.operators[0].inputs[0].shape == (1, 8, 8, 3)
    assert found.operators[3].outputs[0].shape == (1, 5)
    assert (found.inputs[0].scale, found.inputs[0].zero_point) == (float(np.float32(0.1)), 3)


def test_the_peak_is_the_largest_sum_of_what_lives_at_once(tmp_path: Path) -> None:
    # The convolution reads 192 bytes and writes 64; the reshape takes no memory of its own.
    assert look(convolutions(), tmp_path).activation_peak_bytes == 192 + 64


def test_a_branch_keeps_its_start_alive(tmp_path: Path) -> None:
    model = ModelBuilder()
    x = model.input((1, 100), scale=0.1)
    one = model.op("RELU", [x], spec((1, 100), scale=0.1))
    two = model.op("RELU", [one], spec((1, 100), scale=0.1))
    model.op("ADD", [two, x], spec((1, 100), scale=0.1))
    assert look(model, tmp_path).activation_peak_bytes == 300


def test_two_uses_of_a_constant_count_once(tmp_path: Path) -> None:
    model = ModelBuilder()
    x = model.input((1, 4), scale=0.1)
    bias = model.constant(np.ones((1, 4), np.int8), 0.1)
    once = model.op("ADD", [x, bias], spec((1, 4), scale=0.1))
    model.op("ADD", [once, bias], spec((1, 4), scale=0.1))
    assert look(model, tmp_path).constant_bytes == 4


@pytest.mark.parametrize(
    ("kind", "shapes", "options", "expected"),
    [
        ("TRANSPOSE_CONV", [(4,), (5, 2, 3, 4), (1, 6, 7, 4)], {}, 6 * 7 * 4 * 5 * 2 * 3),
        ("BATCH_MATMUL", [(2, 3, 4), (2, 4, 5)], {}, 2 * 3 * 4 * 5),
        ("BATCH_MATMUL", [(2, 4, 3), (2, 4, 5)], {"adj_x": True}, 2 * 3 * 4 * 5),
        ("SVDF", [(1, 6), (8, 6), (8, 10), None, (1, 80)], {"rank": 2}, 8 * (6 + 10)),
        ("SOFTMAX", [(1, 6)], {}, 0),
    ],
)
def test_products_are_counted(
    kind: str, shapes: list[tuple[int, ...] | None], options: dict[str, Any], expected: int
) -> None:
    outputs = {"TRANSPOSE_CONV": (1, 12, 14, 5), "BATCH_MATMUL": (2, 3, 5), "SVDF": (1, 4), "SOFTMAX": (1, 6)}
    model = ModelBuilder()
    inputs = [None if shape is None else model.input(shape, scale=0.1) for shape in shapes]
    model.op(kind, inputs, spec(outputs[kind], scale=0.1), **options)
    parsed, _ = survey_tflite(model.build())
    assert costs.macs(parsed.main, parsed.main.operators[0]) == expected


def test_state_is_listed(tmp_path: Path) -> None:
    model = ModelBuilder()
    x = model.input((1, 4), scale=0.1)
    memory = model.variable("memory", spec((1, 4), scale=0.1))
    model.op("ADD", [memory.read(), x], spec((1, 4), scale=0.1))
    memory.assign(x)
    found = look(model, tmp_path)
    assert [(each.name, each.shape, each.dtype, each.bytes) for each in found.variables] == [
        ("/memory", (1, 4), "int8", 4)
    ]
    assert found.state_bytes == 4
    assert found.can_be_built


@pytest.mark.parametrize("name", ["keyword_spotting", "hey_jarvis"])
def test_real_models_can_be_built(name: str) -> None:
    found = inspect(model_path(name))
    assert found.problems == ()
    assert found.can_be_built
    assert all(operator.can_be_built for operator in found.operators)


class TestModelsThatCannotBeBuilt:
    """They are shown all the same."""

    def float_model(self) -> ModelBuilder:
        model = ModelBuilder()
        x = model.input((1, 4), "float32")
        weights = model.constant(np.ones((2, 4), np.float32))
        dense = model.op("FULLY_CONNECTED", [x, weights], spec((1, 2), "float32"))
        model.op("CUSTOM", [dense], spec((1, 2), "float32"), custom_name="Mine")
        return model

    def test_every_reason_is_listed_with_its_operator(self, tmp_path: Path) -> None:
        found = look(self.float_model(), tmp_path)
        assert not found.can_be_built
        assert [problem.operator for problem in found.problems] == [1, 0]
        assert "operator 1 (CUSTOM 'Mine')" in found.problems[0].what
        assert "float32" in found.problems[1].why
        assert all(problem.fix for problem in found.problems)
        assert [operator.can_be_built for operator in found.operators] == [False, False]
        assert [operator.kind for operator in found.operators] == ["FULLY_CONNECTED", "CUSTOM Mine"]
        assert found.macs == 8

    def test_an_operator_that_the_engine_lacks_is_named(self, tmp_path: Path) -> None:
        model = ModelBuilder()
        x = model.input((1, 4), scale=0.1)
        relu = model.op("RELU", [x], spec((1, 4), scale=0.1))
        model.op("EXP", [relu], spec((1, 4), scale=0.1))
        found = look(model, tmp_path)
        assert [problem.operator for problem in found.problems] == [1]
        assert "EXP" in found.problems[0].what
        assert [operator.can_be_built for operator in found.operators] == [True, False]

    def test_an_open_size_is_shown_as_such(self, tmp_path: Path) -> None:
        model = ModelBuilder()
        x = model.input((1, 1), scale=0.1, signature=(-1, -1))
        model.op("RELU", [x], spec((1, 1), scale=0.1, signature=(-1, -1)))
        assert look(model, tmp_path).inputs[0].shape == (-1, -1)

    def test_a_variable_without_a_value_is_a_problem_of_the_model(self, tmp_path: Path) -> None:
        model = ModelBuilder()
        x = model.input((1, 4), scale=0.1)
        before = model.variable("memory", spec((1, 4), scale=0.1)).read()
        model.op("ADD", [before, x], spec((1, 4), scale=0.1))
        (problem,) = look(model, tmp_path).problems
        assert problem.operator is None
        assert "'/memory'" in problem.what

    def test_a_damaged_file_is_an_error(self, tmp_path: Path) -> None:
        path = tmp_path / "net.tflite"
        path.write_bytes(convolutions().build()[:200])
        with pytest.raises(UnreadableModelError) as caught:
            inspect(path)
        assert caught.value.exit_code is ExitCode.MODEL


class TestCommand:
    """edgekit inspect."""

    def write(self, folder: Path, model: ModelBuilder) -> str:
        path = folder / "net.tflite"
        path.write_bytes(model.build())
        return str(path)

    def test_the_table_has_a_line_per_operator_and_the_sums(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(command, [self.write(tmp_path, convolutions())])
        assert done.exit_code == 0
        lines = [line.split() for line in done.stdout.splitlines()]
        assert [
            "0",
            "CONV_2D",
            "int8[1,",
            "8,",
            "8,",
            "3]",
            "int8[1,",
            "4,",
            "4,",
            "4]",
            "1,728",
            "124",
            "yes",
        ] in lines
        assert ["MACs", "2,624"] in lines
        assert ["can", "be", "built", "yes"] in lines

    def test_json_is_one_document_with_everything(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(command, [self.write(tmp_path, convolutions()), "--json"])
        document = json.loads(done.stdout)
        assert document["can_be_built"] is True
        assert document["macs"] == 2624
        assert document["operators"][3]["outputs"][0]["shape"] == [1, 5]
        assert document["problems"] == []

    def test_problems_are_told_and_are_no_failure_of_the_command(self, tmp_path: Path) -> None:
        model = TestModelsThatCannotBeBuilt().float_model()
        done = CliRunner().invoke(command, [self.write(tmp_path, model)])
        assert done.exit_code == 0
        assert "no, for 2 reasons" in done.stdout
        assert "fix: Quantize the model to full integer" in done.stdout

    def test_a_damaged_file_leaves_with_exit_code_7_and_one_document(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "net.tflite"
        path.write_bytes(convolutions().build()[:300])
        with pytest.raises(SystemExit) as left:
            main(["inspect", str(path), "--json"])
        assert left.value.code == ExitCode.MODEL
        output = capsys.readouterr()
        assert json.loads(output.out)["error"]["class"] == "UnreadableModelError"
        assert "Traceback" not in output.err

    def test_without_a_model_there_must_be_a_project(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        done = CliRunner().invoke(command, [])
        assert done.exit_code == ExitCode.USAGE
        assert "edgekit init" in done.stderr

    def test_the_model_of_a_recipe_is_taken(self) -> None:
        done = CliRunner().invoke(command, ["--recipe", "keyword-spotting", "--json"])
        assert json.loads(done.stdout)["name"] == "keyword_spotting"

    def test_a_model_and_a_recipe_are_one_too_many(self) -> None:
        done = CliRunner().invoke(command, ["model.tflite", "--recipe", "keyword-spotting"])
        assert done.exit_code == ExitCode.USAGE
        assert "two models" in done.stderr

    def test_the_model_of_the_project_is_taken(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.write(tmp_path, convolutions())
        (tmp_path / "edgekit.toml").write_text('model = "net.tflite"\ntarget = "rpi4"\n')
        monkeypatch.chdir(tmp_path)
        done = CliRunner().invoke(command, ["--json"])
        assert json.loads(done.stdout)["name"] == "net"


def test_the_verb_is_public() -> None:
    assert edgekit.inspect is inspect
    assert edgekit.Inspection is Inspection

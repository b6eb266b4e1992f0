"""edgekit evaluate on model files: what it prints, and what it refuses before anything runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix

import edgekit
from edgekit.artifacts import Bundle
from edgekit.cli.main import main
from edgekit.deploy.errors import UnclearBuildError
from edgekit.errors import ExitCode, WrongValueError
from edgekit.evaluate import ClassificationScores, Scoring, Task
from edgekit.evaluate.errors import (
    LabelsDoNotFitError,
    StatefulModelError,
    UnclearOutputError,
    UnlikeModelsError,
)
from edgekit.oracle import run_oracle
from edgekit.samples import Preprocessing
from edgekit.samples.errors import SamplesDoNotFitError
from edgekit.testing.digits import digits_model, unseen_digits
from edgekit.testing.tflite_builder import ModelBuilder, spec
from edgekit.testing.tiny_model import tiny_flatbuffer
from edgekit.verbs.evaluate import preprocessing_for
from edgekit.verbs.evaluated_build import BuildSubject

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.evaluate import Evaluation

SAMPLES = 120


def run_cli(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    code = left.value.code
    assert isinstance(code, int)
    return code


def clumsy_model() -> bytes:
    """It takes what the digits' model takes, and says 3 to most."""
    model = ModelBuilder()
    given = model.input((1, 64), scale=1 / 255, zero_point=-128)
    weights = np.eye(10, 64, dtype=np.int8)
    biases = np.array([0, 0, 0, 200, 0, 0, 0, 0, 0, 0], np.int32)
    constants = [model.constant(weights, 0.1), model.constant(biases, 0.1 / 255)]
    return model.output(
        model.op("FULLY_CONNECTED", [given, *constants], spec((1, 10), scale=0.01, name="scores"))
    ).build()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "digits.tflite"
    path.write_bytes(digits_model())
    return path


@pytest.fixture
def clumsy(tmp_path: Path) -> Path:
    path = tmp_path / "clumsy.tflite"
    path.write_bytes(clumsy_model())
    return path


@pytest.fixture
def floating(tmp_path: Path) -> Path:
    path = tmp_path / "floating.tflite"
    path.write_bytes(digits_model(floating=True))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    images, digits = unseen_digits()
    path = tmp_path / "digits.npz"
    np.savez(path, x=images[:SAMPLES], labels=digits[:SAMPLES])
    return path


def classes_of(found: Evaluation, position: int = 0) -> ClassificationScores:
    scores = found.evaluated[position].scores
    assert isinstance(scores, ClassificationScores)
    return scores


def test_a_model_is_scored_by_what_the_reference_interpreter_answers(model: Path, data: Path) -> None:
    images, digits = unseen_digits()
    integers = np.clip(np.round(images[:SAMPLES] * 255) - 128, -128, 127).astype(np.int8)
    answers = run_oracle(digits_model(), [(image[np.newaxis],) for image in integers])
    predicted = np.array([np.argmax(scores) for (scores,) in answers])
    found = edgekit.evaluate([model], data=data)
    scores = classes_of(found)
    assert scores.accuracy == accuracy_score(digits[:SAMPLES], predicted) > 0.8
    np.testing.assert_array_equal(scores.confusion, confusion_matrix(digits[:SAMPLES], predicted))
    assert (found.samples, found.task, found.has_labels) == (SAMPLES, Task.CLASSIFICATION, True)
    (one,) = found.evaluated
    assert (one.name, one.kind, one.agreement, one.cost) == ("digits.tflite", "oracle", None, None)


def test_a_float_model_is_scored_by_what_litert_answers(floating: Path, model: Path, data: Path) -> None:
    found = edgekit.evaluate([floating, model], data=data)
    exact, quantized = found.evaluated
    assert (exact.kind, exact.devices) == ("float", ("this machine",))
    assert exact.engine.startswith("ai-edge-litert")
    assert abs(classes_of(found).accuracy - classes_of(found, 1).accuracy) < 0.02
    agreed = quantized.agreement
    assert agreed is not None
    assert agreed.share > 0.95 > agreed.identical_share
    assert 0 < agreed.largest_difference < 0.2


def test_what_follows_is_held_against_the_first(model: Path, clumsy: Path, data: Path) -> None:
    found = edgekit.evaluate([model, clumsy], data=data, tolerance=0.5)
    agreed = found.evaluated[1].agreement
    assert agreed is not None
    assert agreed.samples == SAMPLES
    assert agreed.share < 0.5
    assert agreed.differing == round((1 - agreed.share) * SAMPLES)
    assert (found.passes, found.beyond_tolerance) == (False, ("clumsy.tflite",))
    assert edgekit.evaluate([model, clumsy], data=data, tolerance=1.0).passes


def test_a_part_of_the_data_lies_evenly_in_it_and_one_model_may_get_less(
    model: Path, clumsy: Path, data: Path
) -> None:
    found = edgekit.evaluate([model, clumsy], data=data, limit=60, limits={"clumsy.tflite": 15})
    assert (found.samples, [each.samples for each in found.evaluated]) == (60, [60, 15])
    agreed = found.evaluated[1].agreement
    assert agreed is not None
    assert agreed.samples == 15
    assert agreed.first_differing is None or agreed.first_differing % 8 == 0


def test_without_labels_models_are_only_compared(model: Path, clumsy: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", unseen_digits()[0][:10])
    found = edgekit.evaluate([model, clumsy], data=tmp_path / "images.npy")
    assert [each.scores for each in found.evaluated] == [None, None]
    assert found.evaluated[1].agreement is not None


def test_labels_of_numbers_are_a_regression(model: Path, data: Path, tmp_path: Path) -> None:
    digits = unseen_digits()[1][:SAMPLES]
    np.save(tmp_path / "wanted.npy", np.eye(10, dtype=np.float32)[digits])
    found = edgekit.evaluate([model], data=data, labels=tmp_path / "wanted.npy")
    scores: Any = found.evaluated[0].scores
    assert found.task is Task.REGRESSION
    assert 0 < scores.mse < 0.03
    assert scores.rmse == pytest.approx(scores.mse**0.5)
    assert scores.r2 > 0.7


def test_people_see_scores_and_classes(
    model: Path, clumsy: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli("evaluate", model, clumsy, "--data", data) == 0
    printed = capsys.readouterr()
    for words in ("accuracy", "top-5", "ROC AUC", "macro", "micro", "true \\ predicted", "the reference"):
        assert words in printed.out
    assert "answers differ, first that to sample" in printed.err


def test_numbers_have_a_table_too(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "wanted.npy", np.zeros((SAMPLES, 10)))
    assert run_cli("evaluate", model, "--data", data, "--labels", tmp_path / "wanted.npy") == 0
    printed = capsys.readouterr().out
    assert "RMSE" in printed
    assert "accuracy" not in printed


def test_json_has_it_all_and_a_tolerance_that_is_exceeded_leaves_with_4(
    model: Path, clumsy: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plots = tmp_path / "plots"
    code = run_cli(
        *("evaluate", model, clumsy, "--data", data, "--tolerance", "1%", "--plots", plots, "--json")
    )
    assert code == ExitCode.BUDGET_EXCEEDED
    document = json.loads(capsys.readouterr().out)
    assert (document["passes"], document["tolerance"]) == (False, 0.01)
    first, second = document["evaluated"]
    assert sum(map(sum, first["scores"]["confusion"])) == SAMPLES
    assert {each["label"] for each in first["scores"]["classes"]} == set(range(10))
    assert second["agreement"]["differing"] > 0
    names = [path.name for path in sorted(plots.iterdir())]
    assert len(names) == 8
    assert sorted(first["plots"] + second["plots"]) == [str(plots / name) for name in names]


def test_the_same_model_passes_a_tolerance_of_nought(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = tmp_path / "again.tflite"
    again.write_bytes(model.read_bytes())
    assert run_cli("evaluate", model, again, "--data", data, "--tolerance", "0", "--json") == 0
    second = json.loads(capsys.readouterr().out)["evaluated"][1]
    assert (second["agreement"]["share"], second["agreement"]["identical_share"]) == (1.0, 1.0)


# ------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--tolerance", "two"], "'two' is no share"),
        (["--tolerance", "101%"], "no share"),
        (["--limit", "0"], "'0' is no number of samples"),
        (["--limit", "host=x"], "no number of samples"),
        (["--limit", "rpi4=10"], "limit for 'rpi4', which is not evaluated"),
        (["--task", "clasification"], "Did you mean 'classification'"),
        (["--tolerance", "0"], "nothing to hold to a tolerance"),
        (["--task", "regression"], "1 numbers in a label, and 10 in an answer"),
        (["--output", "no"], r"has no output 'no'[\s\S]*They are: scores"),
        (["--host", "a", "--emulated"], "name two devices"),
    ],
)
def test_options_that_mean_nothing_leave_with_2(
    model: Path, data: Path, options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli("evaluate", model, "--data", data, *options) == ExitCode.USAGE
    assert re.search(complaint, capsys.readouterr().err)


def test_numbers_have_no_plots(model: Path, data: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "wanted.npy", np.zeros((SAMPLES, 10)))
    with pytest.raises(WrongValueError, match="nothing to plot"):
        edgekit.evaluate([model], data=data, labels=tmp_path / "wanted.npy", plots=tmp_path)


@pytest.mark.parametrize(("limit", "tolerance"), [(0, None), (None, -0.1), (None, 1.5)])
def test_numbers_out_of_range_are_refused(
    model: Path, data: Path, limit: int | None, tolerance: float | None
) -> None:
    with pytest.raises(WrongValueError):
        edgekit.evaluate([model], data=data, limit=limit, tolerance=tolerance)


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        (np.zeros(3, np.int64), "120 samples, and there are 3 labels"),
        (np.full(SAMPLES, 10), "label 10 names no class"),
        (np.full((SAMPLES, 10), np.nan), "label is not finite"),
        (np.array(5), "holds no labels"),
        (np.full(SAMPLES, "cat"), "holds no labels"),
    ],
)
def test_labels_that_do_not_fit_are_refused_before_anything_runs(
    model: Path, data: Path, tmp_path: Path, labels: NDArray[Any], complaint: str
) -> None:
    np.save(tmp_path / "wrong.npy", labels)
    told: list[str] = []
    with pytest.raises((LabelsDoNotFitError, SamplesDoNotFitError), match=complaint):
        edgekit.evaluate(
            [model],
            data=data,
            labels=tmp_path / "wrong.npy",
            progress=lambda stage, _share: told.append(stage),
        )
    assert not any("oracle" in stage for stage in told)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"1, 2, 3"])
def test_a_file_of_labels_that_is_none_is_refused(
    model: Path, data: Path, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "bad.npy").write_bytes(content)
    with pytest.raises(LabelsDoNotFitError, match=r"bad\.npy"):
        edgekit.evaluate([model], data=data, labels=tmp_path / "bad.npy")


def test_a_sample_that_is_not_finite_is_named(model: Path, tmp_path: Path) -> None:
    images = np.array(unseen_digits()[0][:5])
    images[3, 7] = np.nan
    np.save(tmp_path / "images.npy", images)
    with pytest.raises(SamplesDoNotFitError, match="Sample 3 of"):
        edgekit.evaluate([model], data=tmp_path / "images.npy")


def test_models_that_take_other_inputs_are_not_compared(model: Path, data: Path, tmp_path: Path) -> None:
    other = ModelBuilder()
    given = other.input((1, 65), scale=1.0)
    (tmp_path / "other.tflite").write_bytes(
        other.output(other.op("RELU", [given], spec((1, 65), scale=1.0))).build()
    )
    with pytest.raises(UnlikeModelsError, match=r"takes \[1, 64\], the other \[1, 65\]"):
        edgekit.evaluate([model, tmp_path / "other.tflite"], data=data)


def test_a_model_that_carries_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tiny.tflite").write_bytes(tiny_flatbuffer())
    np.save(tmp_path / "frames.npy", np.zeros((3, 2, 4), np.float32))
    with pytest.raises(StatefulModelError, match="sample by sample"):
        edgekit.evaluate([tmp_path / "tiny.tflite"], data=tmp_path / "frames.npy")


def test_of_several_outputs_one_must_be_named(tmp_path: Path) -> None:
    model = ModelBuilder()
    given = model.input((1, 4), scale=1.0)
    outputs = [model.op("RELU", [given], spec((1, 4), scale=1.0, name=name)) for name in ("one", "two")]
    (tmp_path / "two.tflite").write_bytes(model.output(*outputs).build())
    np.savez(tmp_path / "data.npz", x=np.eye(4, dtype=np.float32) * 9, labels=np.arange(4))
    where: dict[str, Any] = {"data": tmp_path / "data.npz"}
    with pytest.raises(UnclearOutputError, match="They are: one_1, two_2"):
        edgekit.evaluate([tmp_path / "two.tflite"], **where)
    for name in ("two_2", "1"):
        found = edgekit.evaluate([tmp_path / "two.tflite"], **where, scoring=Scoring(output=name))
        assert classes_of(found).accuracy == 1


def test_builds_of_several_models_are_unclear(model: Path, clumsy: Path, data: Path, tmp_path: Path) -> None:
    for each in (model, clumsy):
        edgekit.build(each, target="cortex-m4", output=tmp_path / "build")
    with pytest.raises(UnclearBuildError, match="clumsy, digits"):
        edgekit.evaluate(data=data, builds=tmp_path / "build")


# --------------------------------------------------------------------------------- raw samples


def built(name: str, table: dict[str, Any] | None) -> BuildSubject:
    """A build, as far as its preprocessing goes."""
    manifest = {} if table is None else {"quantization": {"preprocessing": table}}
    return BuildSubject(Bundle(path=Path(name), manifest=manifest), name, (), emulated=False, measures=False)


def test_raw_samples_are_preprocessed_as_a_build_s_own_were() -> None:
    of_project = Preprocessing(scale=0.5)
    own = Preprocessing(scale=2.0, mean=(1.0,))
    assert preprocessing_for([built("a", None)], of_project) == of_project
    assert preprocessing_for([built("a", None), built("b", own.table())], of_project) == own
    assert preprocessing_for([built("a", Preprocessing().table())], of_project) == Preprocessing()


def test_builds_that_were_calibrated_otherwise_are_not_given_the_same_samples() -> None:
    other = built("b", Preprocessing(scale=2.0).table())
    with pytest.raises(UnlikeModelsError, match=r"a and b cannot[\s\S]*\[preprocess\]"):
        preprocessing_for([built("a", Preprocessing().table()), other], Preprocessing())


def test_raw_samples_of_a_model_file_are_preprocessed_as_the_project_says(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    images, digits = unseen_digits()
    np.savez("raw.npz", x=np.round(images[:50] * 16).astype(np.uint8), labels=digits[:50])
    (tmp_path / "edgekit.toml").write_text('model = "digits.tflite"\n[preprocess]\nscale = "1/16"\n')
    assert run_cli("evaluate", model, "--data", "raw.npz", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["evaluated"][0]["scores"]["accuracy"] > 0.8

"""From a float model and samples to a bundle, by the verbs and by the command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edgekit.artifacts import QuantizedModel
from edgekit.cli.main import main
from edgekit.devices.local import LocalDevice
from edgekit.errors import (
    CalibrationMissingError,
    ExitCode,
    OutputUnwritableError,
    UnreadableModelError,
    WrongValueError,
)
from edgekit.evaluate import verify_bundle
from edgekit.pipeline import Calibration
from edgekit.samples.errors import SamplesError, UnusableSamplesError
from edgekit.testing.digits import digits_model, unseen_digits
from edgekit.verbs.build import build
from edgekit.verbs.inspect import inspect
from edgekit.verbs.quantize import quantize
from edgekit.verbs.tune import tune

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = 100


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float classifier of digits, and samples of them."""
    made = tmp_path_factory.mktemp("digits")
    (made / "digits.tflite").write_bytes(digits_model(floating=True))
    np.save(made / "samples.npy", unseen_digits()[0][:SAMPLES])
    return made


@pytest.fixture(scope="module")
def calibration(folder: Path) -> Calibration:
    return Calibration(samples=folder / "samples.npy")


@pytest.fixture(scope="module")
def quantized(folder: Path, calibration: Calibration) -> QuantizedModel:
    return quantize(folder / "digits.tflite", calibration=calibration)


def left(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_a_float_model_and_samples_give_a_bundle_that_answers_as_the_oracle(
    folder: Path, calibration: Calibration, quantized: QuantizedModel, tmp_path: Path
) -> None:
    bundle = build(folder / "digits.tflite", calibration=calibration, target="host", output=tmp_path)
    assert bundle.path == tmp_path / "digits" / "host"
    assert (bundle.path / "model.tflite").read_bytes() == quantized.flatbuffer
    assert verify_bundle(bundle, LocalDevice(), progress=lambda _stage, _share: None).equal
    record: Any = bundle.manifest["quantization"]
    assert record["samples"] == SAMPLES
    assert record["origin"]["file_name"] == "digits.tflite"
    assert record["preprocessing"]["scale"] == 1.0


def test_what_was_quantized_is_built_under_another_name_with_the_same_record(
    quantized: QuantizedModel, tmp_path: Path
) -> None:
    bundle = build(quantized, target="cortex-m4", name="numbers", output=tmp_path)
    assert bundle.path == tmp_path / "numbers" / "cortex-m4"
    assert bundle.manifest["model"] == {"name": "numbers", "digest": quantized.digest}
    assert quantized.quantization is not None
    assert bundle.manifest["quantization"]["float_digest"] == quantized.quantization.float_digest


def test_every_step_is_dumped(folder: Path, calibration: Calibration, tmp_path: Path) -> None:
    build(
        folder / "digits.tflite",
        calibration=calibration,
        target="host",
        output=tmp_path / "build",
        dump=tmp_path / "dump",
    )
    names = sorted(
        path.relative_to(tmp_path / "dump").as_posix() for path in (tmp_path / "dump").rglob("*.txt")
    )
    assert names[:2] == ["01-ingest.txt", "02-lower.txt"]
    assert [name for name in names if "/" in name] == [
        "quantize/01-float.txt",
        "quantize/02-samples.txt",
        "quantize/03-lint.txt",
        "quantize/04-quantize.txt",
    ]


def test_a_float_model_without_samples_is_told_how_to_give_some(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CalibrationMissingError) as caught:
        build(folder / "digits.tflite", target="host", output=tmp_path)
    assert "--calibration" in caught.value.fix
    assert caught.value.exit_code is ExitCode.MODEL


def test_what_is_quantized_already_is_not_quantized_again(
    quantized: QuantizedModel, calibration: Calibration, tmp_path: Path
) -> None:
    path = tmp_path / "int8.tflite"
    path.write_bytes(quantized.flatbuffer)
    for model in (path, quantized):
        with pytest.raises(WrongValueError, match="not quantized again"):
            build(model, calibration=calibration, target="host", output=tmp_path)


def test_what_was_quantized_is_tuned(quantized: QuantizedModel, tmp_path: Path) -> None:
    report = tune(quantized, target="cortex-m4", trials=1, store=tmp_path / "store.sqlite")
    assert report.trials == 1


def test_samples_of_no_use_stop_a_build_before_anything_is_written(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.npy"
    np.save(path, np.full((SAMPLES, 64), np.nan, np.float32))
    output = tmp_path / "out" / "int8.tflite"
    with pytest.raises(UnusableSamplesError):
        quantize(folder / "digits.tflite", calibration=Calibration(samples=path), output=output)
    assert not output.parent.exists()


def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left(
    folder: Path, calibration: Calibration, tmp_path: Path
) -> None:
    output = tmp_path / "folder.tflite"
    (output / "inside").mkdir(parents=True)
    with pytest.raises(OutputUnwritableError, match=r"folder\.tflite cannot be written"):
        quantize(folder / "digits.tflite", calibration=calibration, output=output)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.tflite"]


def test_the_command_writes_one_file_and_one_document(
    folder: Path,
    quantized: QuantizedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = (str(folder / "digits.tflite"), "--calibration", str(folder / "samples.npy"))
    assert left("quantize", *arguments, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["path"] == "digits_int8.tflite"
    assert document["model"]["digest"] == quantized.digest
    assert [each["dtype"] for each in (*document["inputs"], *document["outputs"])] == ["int8", "int8"]
    assert [path.name for path in tmp_path.iterdir()] == ["digits_int8.tflite"]
    assert inspect(tmp_path / "digits_int8.tflite").can_be_built
    assert left("quantize", *arguments, "--edges", "float", "-o", "edges.tflite") == 0
    assert "float32[1, 64]" in capsys.readouterr().out


def test_the_project_file_names_model_samples_and_preprocessing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "raw.npy", (unseen_digits()[0][:SAMPLES] * 16).astype(np.uint8))
    (tmp_path / "edgekit.toml").write_text(
        f"model = {str(folder / 'digits.tflite')!r}\ntarget = 'host'\ncalibration = 'raw.npy'\n"
        "[preprocess]\nscale = '1/16'\n"
    )
    assert left("build", "--json") == 0
    record = json.loads(capsys.readouterr().out)["manifest"]["quantization"]
    assert record["preprocessing"]["scale"] == 1 / 16
    assert record["samples"] == SAMPLES
    # Its samples are for its own model: another one is built as it is.
    assert left("build", str(folder / "digits.tflite")) == 0
    (tmp_path / "other.tflite").write_bytes(digits_model())
    assert left("build", "other.tflite") == 0
    assert "quantized   " not in capsys.readouterr().out.rpartition("other")[2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("quantize", "net.keras"), "No samples: give --calibration"),
        (("quantize", "--calibration", "x.npy"), "No model: give MODEL"),
        (("quantize", "a.tflite", "--calibration", "x.npy", "-o", "a.tflite"), "is the float model"),
        (("build", "net.keras", "--target", "host", "--edges", "float"), "give --calibration too"),
        (("build", "net.keras", "--target", "host", "--signature", "x"), "give --calibration too"),
        (("quantize", "a.tflite", "--calibration", "x.npy", "--ranges", "minmax"), "Did you mean 'min-max'?"),
    ],
)
def test_what_is_missing_or_would_do_nothing_is_wrong_usage(
    arguments: tuple[str, ...],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert left(*arguments) == ExitCode.USAGE
    assert words in capsys.readouterr().err


def test_neither_model_nor_samples_need_to_be_there(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreadableModelError):
        quantize(tmp_path / "net.keras", calibration=Calibration(samples=folder / "samples.npy"))
    with pytest.raises(SamplesError):
        quantize(folder / "digits.tflite", calibration=Calibration(samples=tmp_path / "nowhere"))

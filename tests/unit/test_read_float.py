"""Trained models of Keras and TensorFlow: converted in a process of their own, or refused with a reason."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.artifacts import FloatModel
from edgekit.devices.local import LocalDevice
from edgekit.errors import (
    ConversionFailedError,
    ExitCode,
    MissingExtraError,
    SignatureNotFoundError,
    UnreadableModelError,
    UnsupportedModelError,
)
from edgekit.evaluate import verify_bundle
from edgekit.ingest import is_quantized, read_float
from edgekit.ingest.convert_failures import failed, operators, refused
from edgekit.ingest.source import digest_of
from edgekit.pipeline import Calibration
from edgekit.testing.tflite_builder import ModelBuilder, spec
from edgekit.verbs.build import build

_GENERATOR = Path(__file__).parent.parent / "helpers" / "make_keras.py"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small models, made once."""
    folder = tmp_path_factory.mktemp("keras")
    subprocess.run(
        [sys.executable, "-W", "ignore", str(_GENERATOR), str(folder)], check=True, capture_output=True
    )
    return folder


@pytest.fixture(scope="module")
def pictures(made: Path) -> FloatModel:
    """One of them, converted once."""
    return read_float(made / "pictures.keras")


def test_a_keras_file_and_its_hdf5_give_the_same_bytes_with_the_authors_names(
    made: Path, pictures: FloatModel
) -> None:
    model = pictures
    assert (model.name, model.origin.format, model.origin.file_name) == (
        "pictures",
        "keras",
        "pictures.keras",
    )
    assert [(each.name, each.shape) for each in model.inputs] == [("picture", (1, 12, 12, 3))]
    assert [(each.name, each.shape) for each in model.outputs] == [("scores", (1, 4))]
    assert set(model.origin.converter) == {"tensorflow", "keras"}
    assert model.origin.digest == hashlib.sha256((made / "pictures.keras").read_bytes()).hexdigest()
    assert model.digest == hashlib.sha256(model.flatbuffer).hexdigest()
    assert read_float(made / "pictures.h5").flatbuffer == model.flatbuffer


def test_channels_stay_first_where_the_model_has_them_first(made: Path) -> None:
    assert read_float(made / "channels_first.keras").inputs[0].shape == (1, 3, 12, 12)


def test_several_inputs_and_outputs_keep_the_models_order_down_to_the_bundle(
    made: Path, tmp_path: Path
) -> None:
    random = np.random.default_rng(2)
    ape, zebra = (random.normal(size=(100, size)).astype(np.float32) for size in (6, 8))
    np.savez(tmp_path / "samples.npz", ape=ape, zebra=zebra)
    bundle = build(
        made / "two.keras",
        calibration=Calibration(samples=tmp_path / "samples.npz"),
        target="host",
        output=tmp_path,
    )
    assert [each["name"] for each in bundle.manifest["tensors"]["inputs"]] == ["zebra", "ape"]
    assert [each["name"] for each in bundle.manifest["tensors"]["outputs"]] == ["sum", "pair"]
    assert verify_bundle(bundle, LocalDevice(), progress=lambda _stage, _share: None).equal


def test_a_saved_model_is_taken_by_its_serving_signature(made: Path) -> None:
    model = read_float(made / "exported")
    assert (model.origin.format, model.origin.signature) == ("saved-model", "serving_default")
    assert [(each.name, each.shape) for each in model.inputs] == [("picture", (1, 12, 12, 3))]


def test_one_of_several_signatures_is_named_or_asked_for(made: Path) -> None:
    model = read_float(made / "signatures", signature="rectify")
    assert (model.origin.signature, [each.name for each in model.outputs]) == ("rectify", ["z"])
    with pytest.raises(SignatureNotFoundError, match=r"several signatures: project, rectify") as caught:
        read_float(made / "signatures")
    assert "--signature project" in caught.value.fix
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_misspelt_signature_is_told_the_nearest() -> None:
    detail = {"wanted": "rectfy", "known": ["project", "rectify"]}
    error = refused(Path("net"), {"kind": "signature", "detail": detail})
    assert error.what == "net has no signature 'rectfy'."
    assert error.fix == "Did you mean 'rectify'?"


def test_a_tflite_file_of_several_networks_is_refused_by_the_names_of_its_signatures(made: Path) -> None:
    with pytest.raises(UnsupportedModelError, match=r"several signatures: project, rectify"):
        read_float(made / "signatures.tflite")


def test_a_converted_model_that_was_written_is_taken_as_it_is(pictures: FloatModel, tmp_path: Path) -> None:
    model = pictures
    path = tmp_path / "pictures.tflite"
    path.write_bytes(model.flatbuffer)
    again = read_float(path)
    assert (again.flatbuffer, again.inputs, again.outputs) == (model.flatbuffer, model.inputs, model.outputs)
    assert (again.origin.format, again.origin.converter) == ("tflite", {})
    assert not is_quantized(path)
    with pytest.raises(SignatureNotFoundError, match="no signature 'train'"):
        read_float(path, signature="train")


@pytest.mark.parametrize(
    ("name", "what", "why"),
    [
        ("open.keras", r"input 'picture' has no fixed size: \[-1, -1, -1, 3\]", "Only the first axis"),
        ("enlarged.keras", r"ResizeBicubic in layer 'enlarged'", "TFLite has no operator for it"),
        ("lambda.keras", r"lambda\.keras cannot be loaded", "runs no code of files"),
        ("own_class.keras", r"own_class\.keras cannot be loaded", "'Doubled', a class of yours"),
    ],
)
def test_what_tensorflow_cannot_convert_is_said_in_terms_of_the_users_model(
    made: Path, name: str, what: str, why: str
) -> None:
    with pytest.raises(ConversionFailedError, match=what) as caught:
        read_float(made / name)
    assert why in caught.value.why
    assert caught.value.exit_code is ExitCode.MODEL


def test_a_damaged_hdf5_file_is_refused_in_tensorflows_words(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.h5"
    path.write_bytes((made / "pictures.h5").read_bytes()[:5000])
    with pytest.raises(ConversionFailedError, match=r"cut\.h5 cannot be loaded") as caught:
        read_float(path)
    assert "truncated file" in caught.value.why


def test_a_keras_file_that_is_cut_short_is_refused_before_tensorflow_starts(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    path = tmp_path / "cut.keras"
    path.write_bytes((made / "pictures.keras").read_bytes()[:3000])
    with pytest.raises(UnreadableModelError, match=r"cut\.keras cannot be read") as caught:
        read_float(path)
    assert "cut short" in caught.value.why


def test_other_archives_and_folders_are_told_from_models(tmp_path: Path) -> None:
    archive = tmp_path / "torch.pt2"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("archive/data.pkl", b"")
    with pytest.raises(UnreadableModelError, match=r"torch\.pt2 cannot be read") as caught:
        read_float(archive)
    assert "zip archive without metadata.json" in caught.value.why
    with pytest.raises(UnreadableModelError) as caught:
        read_float(tmp_path)
    assert "without saved_model.pb" in caught.value.why
    with pytest.raises(UnreadableModelError) as caught:
        read_float(tmp_path / "nowhere.keras")
    assert "No such file" in caught.value.why


def test_an_empty_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "empty.keras").touch()
    with pytest.raises(UnreadableModelError) as caught:
        read_float(tmp_path / "empty.keras")
    assert caught.value.why == "The file is empty."


def test_files_that_claim_to_be_gigantic_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "big.h5"
    with path.open("wb") as file:
        file.write(b"\x89HDF\r\n\x1a\n")
        file.truncate(3 << 30)
    with pytest.raises(UnreadableModelError) as caught:
        read_float(path)
    assert "3.0 GiB" in caught.value.why


def test_without_tensorflow_the_command_that_installs_it_is_named(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError) as caught:
        read_float(made / "pictures.keras")
    assert caught.value.fix == "pip install 'edgekit-sdk[keras]'"


def test_a_converter_that_dies_is_reported_with_its_last_words(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = tmp_path / "python"
    dying.write_text("#!/bin/sh\necho 'Check failed: weights' >&2\nkill -SEGV $$\n")
    dying.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(dying))
    with pytest.raises(ConversionFailedError) as caught:
        read_float(made / "pictures.keras")
    assert "ended by SIGSEGV" in caught.value.why
    assert "Check failed: weights" in caught.value.why


def test_operators_are_placed_in_the_innermost_layer_that_their_path_names() -> None:
    said = """\
loc(fused["FFT:", callsite("model_1/tail_1/sound_2/FFT"("x.py":1:1))]): error: 'tf.FFT' op is neither
loc(fused["Erf:", callsite("model_1/Erf"("x.py":1:1))]): error: 'tf.Erf' op is neither a custom op
error: 'tf.Bincount' op is neither a custom op nor a flex op
"""
    assert operators(said, ["tail", "sound"]) == (
        ("FFT", "layer 'sound'"),
        ("Erf", "node 'model_1/Erf'"),
        ("Bincount", ""),
    )


@given(st.text(), st.sampled_from(["import", "load", "trace", "convert"]))
def test_whatever_tensorflow_says_becomes_one_message(message: str, step: str) -> None:
    error = failed(Path("net.keras"), {"step": step, "error": {"message": message}}, message)
    assert isinstance(error, ConversionFailedError)
    assert error.what.startswith("net.keras")
    assert len(error.why) < 1000


def test_a_folders_digest_depends_on_names_and_contents(tmp_path: Path) -> None:
    def digest(**files: str) -> str:
        folder = tmp_path / str(np.random.default_rng().integers(1 << 60))
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_text(content)
        return digest_of(folder)

    assert digest(a="1", b="2") == digest(b="2", a="1")
    assert len({digest(a="1", b="2"), digest(a="2", b="1"), digest(a="12"), digest(a="1", c="2")}) == 4


def test_floats_in_a_loop_alone_are_a_loop_and_nothing_quantized(tmp_path: Path) -> None:
    builder = ModelBuilder()
    builder.op("WHILE", [builder.input((1, 4), "float32")], spec((1, 4), "float32"))
    path = tmp_path / "recurrent.tflite"
    path.write_bytes(builder.build())
    assert not is_quantized(path)
    with pytest.raises(UnsupportedModelError) as caught:
        read_float(path)
    assert "operator 0 (WHILE)" in caught.value.what
    assert "Unroll" in caught.value.fix

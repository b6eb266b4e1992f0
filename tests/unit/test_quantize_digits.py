"""A net trained by Keras on handwritten digits: what int8 costs it, and that it builds and verifies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from edgekit import build, verify
from edgekit.artifacts import FloatModel
from edgekit.ingest import read_float, read_tflite
from edgekit.oracle import run_oracle
from edgekit.quantize import Quantization, Quantized, Ranges, quantize
from edgekit.samples import Samples
from edgekit.testing.digits import TRAINED, unseen_digits
from edgekit.testing.litert_reference import run_litert_reference
from edgekit.testing.train_digits import trained_digits

CALIBRATED = 200
IMAGES, DIGITS = unseen_digits()
IMAGES = IMAGES.reshape(-1, 8, 8, 1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> FloatModel:
    return read_float(trained_digits(tmp_path_factory.mktemp("digits") / "digits.keras"))


@pytest.fixture(scope="module")
def float_answers(model: FloatModel) -> Any:
    answers = run_litert_reference(model.flatbuffer, [(image[None],) for image in IMAGES])
    return np.concatenate([answer[0] for answer in answers]).argmax(axis=1)


def quantized(model: FloatModel, how: Ranges) -> Quantized:
    found: Any = load_digits()
    images = (found.data[:TRAINED][:CALIBRATED] / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    names = tuple(str(number) for number in range(CALIBRATED))
    given = Samples(inputs=(images,), labels=None, names=names, source="digits")
    return quantize(model, given, Quantization(ranges=how))


def int8_answers(flatbuffer: bytes) -> Any:
    graph = read_tflite(flatbuffer, name="digits").graph
    tensor = graph.tensors[graph.inputs[0]]
    stored = np.clip(np.round(IMAGES / tensor.scale) + tensor.zero_point, -128, 127).astype(np.int8)
    answers = run_oracle(flatbuffer, [(image[None],) for image in stored])
    return np.concatenate([answer[0] for answer in answers]).argmax(axis=1)


@pytest.mark.parametrize("how", list(Ranges))
def test_int8_keeps_the_accuracy_within_one_point_on_images_never_seen(
    model: FloatModel, float_answers: Any, how: Ranges
) -> None:
    answers = int8_answers(quantized(model, how).flatbuffer)
    accuracy, float_accuracy = (float((found == DIGITS).mean()) for found in (answers, float_answers))
    # Seen on 797 images: 95.6 % in float, 95.4 to 95.5 % in int8; 99.5 to 99.9 % of the answers are the same.
    assert float_accuracy > 0.93
    assert accuracy > float_accuracy - 0.01
    assert (answers == float_answers).mean() > 0.985


def test_a_quantized_net_is_built_and_its_library_answers_as_the_oracle(
    model: FloatModel, tmp_path: Path
) -> None:
    file = tmp_path / "digits.tflite"
    file.write_bytes(quantized(model, Ranges.MIN_MAX).flatbuffer)
    bundle = build(file, target="host", output=tmp_path / "build")
    assert verify(bundle.path).equal

"""LiteRT's reference kernels agree with the oracle where both are exact."""

from __future__ import annotations

import numpy as np

from edgekit.oracle import run_oracle
from edgekit.testing.litert_reference import run_litert_reference
from edgekit.testing.tflite_builder import ModelBuilder, spec


def test_a_maximum_is_the_same_in_both() -> None:
    model = ModelBuilder()
    inputs = [model.input((1, 32), scale=0.5, zero_point=-1) for _ in range(2)]
    model.op("MAXIMUM", inputs, spec((1, 32), scale=0.5, zero_point=-1))
    random = np.random.default_rng(0)
    shape = (1, 32)
    frames = [tuple(random.integers(-128, 128, shape, dtype=np.int8) for _ in range(2)) for _ in range(5)]
    flatbuffer = model.build()
    answers = run_litert_reference(flatbuffer, frames)
    assert all(
        np.array_equal(ours[0], theirs[0])
        for ours, theirs in zip(run_oracle(flatbuffer, frames), answers, strict=True)
    )
    assert all(
        np.array_equal(answer[0], np.maximum(*frame)) for answer, frame in zip(answers, frames, strict=True)
    )

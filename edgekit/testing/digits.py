"""scikit-learn's handwritten digits, and a classifier of them as a float and as an int8 model.

It is one layer, trained by logistic regression: good enough to be scored, and made in a second.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from edgekit.testing.tflite_builder import ModelBuilder, spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRAINED = 1000  # of the 1,797 images; the others are for tests
_LOGIT_STEP, _INPUT_STEP = 0.25, 1 / 255


@functools.cache
def unseen_digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Images that the model was not trained on, (797, 64) in [0, 1], and their digits."""
    images, digits = _digits()
    return images[TRAINED:], digits[TRAINED:]


@functools.cache
def digits_model(*, floating: bool = False) -> bytes:
    """The classifier as a `.tflite` file: int8 all through, or float32."""
    weights, biases = _trained()
    model = ModelBuilder()
    if floating:
        given = model.input((1, 64), "float32")
        constants = [model.constant(weights), model.constant(biases)]
        logits, scores = spec((1, 10), "float32"), spec((1, 10), "float32", name="scores")
    else:
        step = float(np.abs(weights).max()) / 127
        given = model.input((1, 64), scale=_INPUT_STEP, zero_point=-128)
        rounded = np.round(biases / (_INPUT_STEP * step)).astype(np.int32)
        constants = [
            model.constant(np.round(weights / step).astype(np.int8), step),
            model.constant(rounded, _INPUT_STEP * step),
        ]
        logits = spec((1, 10), scale=_LOGIT_STEP)
        scores = spec((1, 10), scale=1 / 256, zero_point=-128, name="scores")
    summed = model.op("FULLY_CONNECTED", [given, *constants], logits)
    return model.output(model.op("SOFTMAX", [summed], scores, beta=1.0)).build()


@functools.cache
def _trained() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    images, digits = _digits()
    fitted: Any = LogisticRegression(C=0.1, max_iter=2000).fit(images[:TRAINED], digits[:TRAINED])
    return fitted.coef_.astype(np.float32), fitted.intercept_.astype(np.float32)


@functools.cache
def _digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    found: Any = load_digits()
    return (found.data / 16).astype(np.float32), found.target.astype(np.int64)

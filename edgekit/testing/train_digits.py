"""Train a small convolutional net on scikit-learn's handwritten digits: `python -m ... FILE.keras`.

For tests that need a trained Keras model; TensorFlow stays in the process that this is. Seeded, one thread:
the same file of weights every time on one machine, and about as good on any.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import edgekit
from edgekit.testing.digits import TRAINED

_EPOCHS = 15


def trained_digits(file: Path) -> Path:
    """The .keras file of a net with 8x8x1 inputs in [0, 1] and ten classes, written by another process."""
    command = [sys.executable, "-m", "edgekit.testing.train_digits", str(file)]
    subprocess.run(command, check=True, capture_output=True, cwd=Path(edgekit.__path__[0]).parent)
    return file


def _train(file: Path) -> None:
    import keras

    keras.utils.set_random_seed(7)
    layers = keras.layers
    image = layers.Input((8, 8, 1), name="image")
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="edges")(image)
    x = layers.BatchNormalization(name="edges_norm")(x)
    x = entry = layers.ReLU(name="edges_relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu", name="strokes")(x)
    x = layers.Conv2D(16, 1, name="mix")(x)
    x = layers.Add(name="skip")([x, entry])
    x = layers.MaxPooling2D(2, name="halve")(x)
    x = layers.Conv2D(24, 3, activation="relu", name="parts")(x)
    x = layers.Flatten(name="flat")(x)
    scores = layers.Dense(10, activation="softmax", name="digit")(x)
    model = keras.Model(image, scores)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    found = load_digits()
    images, digits = (found.data / 16).astype(np.float32)[:TRAINED], found.target[:TRAINED]
    model.fit(images.reshape(-1, 8, 8, 1), digits, batch_size=32, epochs=_EPOCHS, verbose=0)
    model.save(file)


if __name__ == "__main__":
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    _train(Path(sys.argv[1]))

"""Write an int8 MobileNetV2 with random weights: `python make_mobilenet.py OUT.tflite [SIDE]`.

No trained weights are at hand without a network. One forward pass in training mode sets every batch
normalization's statistics, so that activations keep a sensible range through all 53 layers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf


def main(path: Path, side: int) -> None:
    """Make, quantize to full integer and write the model."""
    tf.keras.utils.set_random_seed(0)
    model = tf.keras.applications.MobileNetV2(weights=None, input_shape=(side, side, 3))
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(random.uniform(-1, 1, (4, side, side, 3)).astype(np.float32), training=True)

    def calibration() -> Iterator[list[np.ndarray]]:
        for _ in range(4):
            yield [random.uniform(-1, 1, (1, side, side, 3)).astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = calibration
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    path.write_bytes(converter.convert())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 224)

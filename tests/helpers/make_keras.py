"""Write small models of Keras, with random weights, into a folder: `python make_keras.py FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import tensorflow as tf
from keras import layers


def main(folder: Path) -> None:
    """Make all of them."""
    keras.utils.set_random_seed(1)
    pictures = picture_classifier("channels_last", 3, (12, 12, 3))
    pictures.save(folder / "pictures.keras")
    pictures.save(folder / "pictures.h5")
    pictures.export(folder / "exported", verbose=False)
    picture_classifier("channels_first", 1, (3, 12, 12)).save(folder / "channels_first.keras")
    two_inputs().save(folder / "two.keras")
    open_sizes().save(folder / "open.keras")
    enlarged().save(folder / "enlarged.keras")
    values = keras.Input((8,))
    keras.Model(values, layers.Lambda(lambda x: x + 1)(values)).save(folder / "lambda.keras")
    keras.Model(values, Doubled()(values)).save(folder / "own_class.keras")
    save_with_signatures(folder / "signatures")


def picture_classifier(data_format: str, channels: int, shape: tuple[int, ...]) -> keras.Model:
    """Four classes of small pictures."""
    picture = keras.Input(shape, name="picture")
    x = layers.Conv2D(8, 3, strides=2, padding="same", data_format=data_format, activation="relu")(picture)
    x = layers.DepthwiseConv2D(3, padding="same", data_format=data_format)(x)
    x = layers.BatchNormalization(axis=channels)(x)
    x = layers.GlobalAveragePooling2D(data_format=data_format)(x)
    return keras.Model(picture, layers.Dense(4, activation="softmax", name="scores")(x))


def two_inputs() -> keras.Model:
    """Names that do not come in the order of the alphabet."""
    zebra, ape = keras.Input((8,), name="zebra"), keras.Input((6,), name="ape")
    joined = layers.Add(name="sum")([layers.Dense(5)(zebra), layers.Dense(5)(ape)])
    return keras.Model([zebra, ape], [joined, layers.Dense(2, name="pair")(joined)])


def open_sizes() -> keras.Model:
    """It takes pictures of every size."""
    picture = keras.Input((None, None, 3), name="picture")
    return keras.Model(picture, layers.GlobalMaxPooling2D()(layers.Conv2D(4, 3)(picture)))


@keras.saving.register_keras_serializable("own")
class Doubled(layers.Layer):  # type: ignore[misc]  # Keras is Any to mypy
    """A class that only this file knows."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Twice the input."""
        return x * 2


def enlarged() -> keras.Model:
    """TFLite has no operator for the layer "enlarged"."""
    picture = keras.Input((4, 4, 1), name="picture")
    return keras.Model(picture, layers.Resizing(8, 8, interpolation="bicubic", name="enlarged")(picture))


def save_with_signatures(folder: Path) -> None:
    """A SavedModel of two networks, and a .tflite file of the same two."""
    module = tf.Module()
    module.weights = tf.Variable(tf.ones((4, 2)))
    given = tf.TensorSpec((None, 4), tf.float32, name="x")
    project = tf.function(lambda x: {"y": x @ module.weights}, input_signature=[given])
    rectify = tf.function(lambda x: {"z": tf.nn.relu(x @ module.weights)}, input_signature=[given])
    tf.saved_model.save(module, str(folder), signatures={"project": project, "rectify": rectify})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=["project", "rectify"])
    folder.with_suffix(".tflite").write_bytes(converter.convert())


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""The process in which TensorFlow lives: converts one trained model to a float32 flatbuffer, and ends.

This file alone imports tensorflow. It leaves `result.json` in the folder that it is given, and beside it
`model.tflite` if there is one; whatever TensorFlow prints goes to its stderr.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESULT_NAME, MODEL_NAME = "result.json", "model.tflite"


class RefusedError(Exception):
    """What TensorFlow would take and EdgeKit cannot: `kind` says which, the message is its detail."""

    def __init__(self, kind: str, detail: Any) -> None:
        super().__init__(kind)
        self.kind, self.detail = kind, detail


def work(source: Path, form: str, signature: str | None, folder: Path) -> None:
    """Convert `source`, a "keras" file or a "saved-model" folder, and leave the answer in `folder`."""
    answer: dict[str, Any] = {"step": "import"}
    try:
        answer |= _convert(source, form, signature, folder, answer)
    except RefusedError as error:
        answer["refused"] = {"kind": error.kind, "detail": error.detail}
    except Exception as error:  # whatever it is, the user is told
        answer["error"] = {"class": type(error).__name__, "message": str(error)}
    (folder / RESULT_NAME).write_text(json.dumps(answer), encoding="utf-8")


def _convert(
    source: Path, form: str, signature: str | None, folder: Path, answer: dict[str, Any]
) -> dict[str, Any]:
    import tensorflow as tf

    answer |= {"tools": {"tensorflow": tf.__version__}, "step": "load"}
    if form == "keras":
        import keras

        answer["tools"]["keras"] = keras.__version__
        network, inputs, outputs = _load_keras(source, answer)
    else:
        network, inputs, outputs = _load_saved_model(source, signature, answer)
    answer["step"] = "trace"
    specifications = [_with_one_sample(*each) for each in inputs]
    traced = tf.function(network, autograph=False).get_concrete_function(*specifications)
    answer["step"] = "convert"
    flatbuffer = tf.lite.TFLiteConverter.from_concrete_functions([traced]).convert()
    (folder / MODEL_NAME).write_bytes(_named(flatbuffer, [spec.name for spec in specifications], outputs))
    return {"step": "done"}


Loaded = tuple["Callable[..., Any]", list[tuple[str, Any, Any]], list[str]]
"""The network as a function of its inputs; name, shape and type of each; the names of its outputs."""


def _load_keras(source: Path, answer: dict[str, Any]) -> Loaded:
    """A .keras or .h5 file. Code inside it (a Lambda layer) is not run."""
    import keras
    import tensorflow as tf

    model = keras.saving.load_model(source, compile=False, safe_mode=True)
    answer["layers"] = _layer_names(model)
    if not getattr(model, "inputs", None):
        raise RefusedError("no-inputs", type(model).__name__)

    def network(*tensors: Any) -> list[Any]:
        given = tf.nest.pack_sequence_as(model.input, list(tensors))
        return list(tf.nest.flatten(model(given, training=False)))

    inputs = [(each.name, each.shape, each.dtype) for each in model.inputs]
    return network, inputs, list(model.output_names)


def _layer_names(model: Any) -> list[str]:
    """All layers, those inside of layers after the layer itself."""
    names = []
    for layer in getattr(model, "layers", ()):
        names += [layer.name, *_layer_names(layer)]
    return names


def _load_saved_model(source: Path, wanted: str | None, answer: dict[str, Any]) -> Loaded:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(source))
    keys = sorted(loaded.signatures.keys())
    key = wanted or ("serving_default" if "serving_default" in keys else keys[0] if len(keys) == 1 else None)
    if key not in keys:
        raise RefusedError("signature", {"wanted": wanted, "known": keys})
    answer["signature"] = key
    function = loaded.signatures[key]
    tensors = function.structured_input_signature[1]
    names, outputs = sorted(tensors), sorted(function.structured_outputs)

    def network(*given: Any) -> list[Any]:
        results = function(**dict(zip(names, given, strict=True)))
        return [results[name] for name in outputs]

    # It would be freed, and its weights with it, at the end of this function.
    network.model = loaded  # type: ignore[attr-defined]  # functions take attributes, and have no type for them
    return network, [(name, tensors[name].shape, tensors[name].dtype) for name in names], outputs


def _with_one_sample(name: str, shape: Sequence[int | None], dtype: Any) -> Any:
    """An input of one sample: the first axis is the batch, if its size is open."""
    import tensorflow as tf

    if getattr(shape, "rank", 0) is None:
        raise RefusedError("open-shape", {"input": name, "shape": None})
    sizes = list(shape)
    if None in sizes[1:]:
        raise RefusedError("open-shape", {"input": name, "shape": sizes})
    return tf.TensorSpec([1 if size is None else size for size in sizes], dtype, name=name)


def _named(flatbuffer: bytes, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """The model with the names that its author gave to its inputs and outputs, and one signature of them."""
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(flatbuffer))
    graph = model.subgraphs[0]

    def entries(indices: Sequence[int], names: Sequence[str]) -> list[Any]:
        maps = []
        for index, name in zip(indices, names, strict=True):
            graph.tensors[index].name = name.encode()
            entry = schema.TensorMapT()
            entry.name, entry.tensorIndex = name.encode(), int(index)
            maps.append(entry)
        return maps

    signature = schema.SignatureDefT()
    signature.signatureKey = b"serving_default"
    signature.subgraphIndex = 0
    signature.outputs = entries(graph.outputs, outputs)
    signature.inputs = entries(graph.inputs, inputs)
    model.signatureDefs = [signature]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2], sys.argv[3] or None, Path(sys.argv[4]))

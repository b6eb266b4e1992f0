"""What a failed conversion means to whoever made the model: TensorFlow's words, boiled down to a cause."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from edgekit.errors import ConversionFailedError, SignatureNotFoundError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_MOST_LETTERS = 600  # of a foreign message
# A location of the converter's: loc(fused["FFT2D:", callsite("functional_1/spectrum_1/FFT2D"(...
_OPERATOR_AT = re.compile(r"""callsite\("(?P<node>[^"]+)".*error: 'tf\.(?P<operator>\w+)' op""")
_OPERATOR = re.compile(r"error: 'tf\.(?P<operator>\w+)' op")
_CLASS = re.compile(r"Could not locate (?:class|function) '(\w+)'|Unknown (?:layer|object): '?(\w+)")
_CALLING = re.compile(r"when calling \w+\.call\(\)|call to layer ['\"](?P<layer>[^'\"]+)['\"]")
_EXPORT = "Export it as a SavedModel where its code is at hand: model.export('folder'), and give the folder."


def crashed(path: Path, why: str) -> ConversionFailedError:
    """The converter left no answer."""
    return ConversionFailedError(
        f"{path.name} cannot be converted to TFLite.",
        why=why,
        fix="Try tf.lite.TFLiteConverter on it yourself; a smaller model tells which layer is at fault.",
    )


def refused(path: Path, refusal: Mapping[str, Any]) -> ConversionFailedError | SignatureNotFoundError:
    """EdgeKit's own conditions on the model do not hold."""
    detail = refusal["detail"]
    if refusal["kind"] == "signature":
        return _signature(path, detail["wanted"], detail["known"])
    if refusal["kind"] == "open-shape":
        shape = detail["shape"]
        shown = "any shape" if shape is None else [-1 if size is None else size for size in shape]
        return ConversionFailedError(
            f"{path.name}: its input {detail['input']!r} has no fixed size: {shown}.",
            why="Only the first axis, the batch, may be open: it is 1 on a device. What else is open leaves "
            "time and memory unknown.",
            fix="Build the model with a fixed Input(shape=...) around the same layers, and save that.",
        )
    return ConversionFailedError(
        f"{path.name}: the {detail} in it has no inputs.",
        why="It was saved before it was built, so that nothing says what it takes.",
        fix="Give it an Input(shape=...), or call it on a sample, before saving it.",
    )


def _signature(path: Path, wanted: str | None, known: list[str]) -> SignatureNotFoundError:
    if not known:
        return SignatureNotFoundError(
            f"{path.name} has no signature.",
            why="It was saved without one, so that nothing says what it takes and gives.",
            fix="Save it with model.export() of Keras, or give tf.saved_model.save its signatures.",
        )
    listed = ", ".join(known)
    if wanted is None:
        return SignatureNotFoundError(
            f"{path.name} has several signatures: {listed}.",
            why="Each is a network of its own, and none is called serving_default.",
            fix=f"Name the one to build: --signature {known[0]}.",
        )
    return SignatureNotFoundError(
        f"{path.name} has no signature {wanted!r}.",
        why=f"Its signatures are: {listed}.",
        fix=nearest(wanted, known, "Name one of these."),
    )


def failed(path: Path, answer: Mapping[str, Any], said: str) -> ConversionFailedError:
    """TensorFlow raised an exception at one of the worker's steps."""
    message, layers = answer["error"]["message"], answer.get("layers", [])
    if answer["step"] == "import":
        return ConversionFailedError(
            f"{path.name} cannot be converted to TFLite.",
            why=f"TensorFlow cannot be loaded: {_shortened(message)}",
            fix="Reinstall it: pip install --force-reinstall 'edgekit-sdk[keras]'",
        )
    if answer["step"] == "load":
        return _not_loaded(path, message)
    found = operators(said, layers) or operators(message, layers)
    if found:
        return ConversionFailedError(
            f"{path.name}: {_places(found)} cannot be converted to TFLite.",
            why="TFLite has no operator for it; it exists in TensorFlow only.",
            fix="Replace that layer by ones of convolutions, products and the like, or leave it out of the "
            "model and do that step before or after it.",
        )
    layer = next((match["layer"] for match in _CALLING.finditer(message) if match["layer"]), None)
    return ConversionFailedError(
        f"{path.name}{f': layer {layer!r}' if layer else ''} cannot be converted to TFLite.",
        why=f"TensorFlow says: {_shortened(message)}",
        fix="Change the model so that TensorFlow can run it on one sample, and save it again.",
    )


def operators(said: str, layers: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The operators of TensorFlow that the converter refused: each with its layer, or its node, or ""."""
    found: dict[str, str] = {}
    for line in said.splitlines():
        if match := _OPERATOR_AT.search(line):
            found.setdefault(match["operator"], _layer(match["node"], layers))
        elif match := _OPERATOR.search(line):
            found.setdefault(match["operator"], "")
    return tuple(found.items())


def _layer(node: str, layers: Iterable[str]) -> str:
    """The layer of the user's model that a node of the graph came from: the innermost that its path names."""
    names = set(layers)
    for part in reversed(node.split("/")[:-1]):
        for name in (part, re.sub(r"_\d+$", "", part)):
            if name in names:
                return f"layer {name!r}"
    return f"node {node!r}"


def _places(found: Iterable[tuple[str, str]]) -> str:
    parts = [f"{operator} in {place}" if place else operator for operator, place in found]
    return ", ".join(parts)


def _not_loaded(path: Path, message: str) -> ConversionFailedError:
    what = f"{path.name} cannot be loaded."
    if "Lambda" in message and "safe" in message:
        return ConversionFailedError(
            what,
            why="It has a Lambda layer, whose Python code is inside the file; EdgeKit runs no code of files.",
            fix=f"Replace the layer by one of keras.layers or keras.ops. {_EXPORT}",
        )
    if match := _CLASS.search(message):
        name = match[1] or match[2]
        return ConversionFailedError(
            what, why=f"It uses {name!r}, a class of yours, and the file does not hold its code.", fix=_EXPORT
        )
    return ConversionFailedError(
        what,
        why=f"TensorFlow says: {_shortened(message)}",
        fix="The file was damaged on its way, holds weights alone, or is of another version of Keras: save "
        "the whole model again with Keras 3.",
    )


def _shortened(message: str) -> str:
    """The first paragraph, on one line."""
    text = " ".join(message.strip().split("\n\n", 1)[0].split()) or "nothing"
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"

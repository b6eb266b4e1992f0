"""Reading a trained float model, of whatever format: the other door of the `ingest` stage."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.artifacts import DType, FloatModel, FloatTensor, ModelOrigin
from edgekit.errors import SignatureNotFoundError, UnsupportedModelError
from edgekit.ingest import acceptance
from edgekit.ingest.convert import Conversion, convert
from edgekit.ingest.finding import Finding
from edgekit.ingest.source import SourceFormat, computes_in_float, digest_of, format_of
from edgekit.ingest.tflite_reader import survey_tflite

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from edgekit.ingest.parsed import ParsedModel, ParsedSubgraph

_RULES = (
    acceptance.operators_are_builtin,
    acceptance.types_are_known,
    acceptance.constants_are_plain,
    acceptance.shapes_are_fixed,
    acceptance.activations_fit,
    acceptance.edges_are_computed,
)


def read_float(
    path: str | os.PathLike[str], name: str | None = None, signature: str | None = None
) -> FloatModel:
    """Read a .keras, .h5 or float .tflite file, or the folder of a SavedModel.

    What is not TFLite is converted by TensorFlow, in a process of its own. `name` defaults to the file's
    name without its suffix. A batch that is open is 1; inputs and outputs come in the model's own order,
    those of a SavedModel in that of their names. Axes stay where they are: channels come first where the
    model has them first.

    Raises:
        UnreadableModelError: nothing is there, or it is damaged (exit code 7).
        UnsupportedModelError: it is no float32 model, or has what cannot be built (7).
        ConversionFailedError: TensorFlow cannot convert it (7).
        SignatureNotFoundError: it has no signature of this name, or several, and none is named (2).
        MissingExtraError: TensorFlow is needed and not installed (8).
    """
    source = Path(path)
    form = format_of(source)
    name = name or source.stem
    digest = digest_of(source)
    if form is SourceFormat.TFLITE:
        made = _as_it_is(source, name, signature)
    else:
        made = convert(source, form, signature)
    model, flatbuffer = survey_tflite(made.flatbuffer, name)
    for finding in _findings(model):
        raise finding.error()
    origin = ModelOrigin(
        format=form.value,
        file_name=source.absolute().name,
        digest=digest,
        converter=made.tools,
        signature=made.signature,
    )
    return FloatModel(
        name=name,
        flatbuffer=flatbuffer,
        digest=hashlib.sha256(flatbuffer).hexdigest(),
        inputs=_edges(model.main, model.main.inputs),
        outputs=_edges(model.main, model.main.outputs),
        origin=origin,
    )


def _as_it_is(source: Path, name: str, signature: str | None) -> Conversion:
    """A .tflite file: nothing converts it, and its first network is the model."""
    model, flatbuffer = survey_tflite(source, name)
    main = [key for key, subgraph in model.signatures if subgraph == 0]
    others = [key for key, subgraph in model.signatures if subgraph != 0]
    if others:
        raise UnsupportedModelError(
            f"{name} has several signatures: {', '.join([*main, *others])}.",
            why="Each is a network of its own in a .tflite file, and EdgeKit builds one.",
            fix="Convert the one that you want alone: TFLiteConverter.from_saved_model(folder, "
            f"signature_keys=['{others[0]}']); or give EdgeKit that folder, with --signature.",
        )
    if signature is not None and signature not in main:
        raise SignatureNotFoundError(
            f"{name} has no signature {signature!r}.",
            why=f"It has {main[0]!r} alone." if main else "It has one network, without a name.",
            fix="Leave --signature out.",
        )
    return Conversion(flatbuffer=flatbuffer, tools={}, signature=signature)


def _findings(model: ParsedModel) -> Iterator[Finding]:
    """What keeps a converted model from being quantized and built, the most telling first."""
    yield from _half_floats(model)
    if not computes_in_float(model):
        yield Finding(
            model.name,
            None,
            "It is no float32 model: it is quantized, in whole or in part, and cannot be quantized again.",
            "Give the model from before it was quantized; or build a full-integer one without --calibration.",
        )
    for rule in _RULES:
        yield from rule(model.place(model.main), model.main)
    yield from _inputs_are_single_samples(model)


def _half_floats(model: ParsedModel) -> Iterator[Finding]:
    for tensor in model.main.tensors:
        if tensor.dtype == "FLOAT16":
            yield Finding(
                model.name,
                tensor,
                "Its weights are stored as 16-bit floats; only float32 models are quantized.",
                "Convert it without supported_types = [tf.float16], or give the Keras model or SavedModel.",
            )


def _inputs_are_single_samples(model: ParsedModel) -> Iterator[Finding]:
    for index in model.main.inputs:
        tensor = model.main.tensors[index]
        if tensor.dtype != "FLOAT32":
            yield Finding(
                model.name,
                tensor,
                f"It is an input of type {tensor.dtype.lower()}, and calibration feeds float32.",
                "Cut the model behind the layers that take integers (an embedding, a look-up), and feed it "
                "what they give.",
            )
        elif tensor.shape[:1] != (1,):
            yield Finding(
                model.name,
                tensor,
                "Its first axis is the batch, and a device gets one sample at a time.",
                "Export the model with a batch that is open or 1.",
                detail=f" of shape {list(tensor.shape)}",
            )


def _edges(graph: ParsedSubgraph, indices: tuple[int, ...]) -> tuple[FloatTensor, ...]:
    tensors = (graph.tensors[index] for index in indices)
    return tuple(FloatTensor(name=each.name, shape=each.shape, dtype=DType[each.dtype]) for each in tensors)

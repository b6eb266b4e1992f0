"""Reading a full-integer `.tflite` file: the door of the `ingest` stage."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.artifacts import QuantizedModel
from edgekit.errors import UnreadableModelError
from edgekit.ingest.acceptance import find_unsupported
from edgekit.ingest.consistency import check_consistency
from edgekit.ingest.graph import build_graph
from edgekit.ingest.structure import parse_model

if TYPE_CHECKING:
    import os

    from edgekit.ingest.parsed import ParsedModel

_IDENTIFIER = b"TFL3"
MAX_BYTES = 1 << 31  # a flatbuffer's offsets reach no further
_LOOKS_LIKE = (
    (b"PK\x03\x04", "a zip archive, as .keras, .mltk.zip and .pt2 files are"),
    (b"\x89HDF\r\n", "an HDF5 file, as old Keras models are"),
    (b"\x08", "perhaps an ONNX file"),
    (b"version https://git-lfs", "a Git LFS pointer: run git lfs pull"),
    (b"<", "perhaps a web page that was saved instead of the file"),
)


def read_tflite(source: str | os.PathLike[str] | bytes, name: str | None = None) -> QuantizedModel:
    """Read a `.tflite` file (a path, or its bytes) into an immutable graph.

    `name` defaults to the file's name without its suffix. Constants are read-only views of the file's
    bytes; scales are its float32 values, exactly; operators stay in the file's order, which is checked to
    be an execution order. Variables carry the value they start with.

    Raises:
        UnreadableModelError: the file is missing, damaged, or contradicts itself.
        UnsupportedModelError: it is a good file that EdgeKit cannot build: float, dynamic, custom operators.
    """
    model, flatbuffer = survey_tflite(source, name)
    for problem in find_unsupported(model):
        raise problem.error()
    digest = hashlib.sha256(flatbuffer).hexdigest()
    return QuantizedModel(name=model.name, flatbuffer=flatbuffer, digest=digest, graph=build_graph(model))


def survey_tflite(
    source: str | os.PathLike[str] | bytes, name: str | None = None
) -> tuple[ParsedModel, bytes]:
    """Read any well-formed `.tflite` file as it is, whether or not it can be built, with its bytes.

    Raises UnreadableModelError when it is not well-formed.
    """
    if isinstance(source, bytes):
        flatbuffer, name = source, name or "model"
    else:
        flatbuffer, name = _read_file(Path(source)), name or Path(source).stem
    _check_identifier(flatbuffer, name)
    model = parse_model(flatbuffer, name)
    for graph in model.subgraphs:
        check_consistency(model.place(graph), graph)
    return model, flatbuffer


def _read_file(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise UnreadableModelError(
                f"{path} cannot be read",
                why="It is a folder or a device." if path.exists() else "There is no such file.",
                fix="Give the path of a .tflite file.",
            )
        if path.stat().st_size >= MAX_BYTES:
            raise UnreadableModelError(
                f"{path} cannot be read", why="It has 2 GiB or more.", fix="Export a smaller model."
            )
        return path.read_bytes()
    except OSError as error:
        raise UnreadableModelError(
            f"{path} cannot be read", why=str(error), fix="Check the file's permissions and its disk."
        ) from error


def _check_identifier(flatbuffer: bytes, name: str) -> None:
    if flatbuffer[4:8] == _IDENTIFIER:
        return
    guess = next((what for start, what in _LOOKS_LIKE if flatbuffer.startswith(start)), "")
    raise UnreadableModelError(
        f"{name} is not a .tflite model",
        why="The file is empty."
        if not flatbuffer
        else "It does not carry the mark TFL3 at byte 4" + (f"; it looks like {guess}." if guess else "."),
        fix="Give a .tflite file. `edgekit quantize` makes one of a Keras model or a SavedModel.",
    )

"""What kind of model a user's file or folder holds: told by its content, never by its name alone."""

from __future__ import annotations

import hashlib
import zipfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.errors import UnreadableModelError
from edgekit.ingest.tflite_reader import MAX_BYTES, survey_tflite

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from edgekit.ingest.parsed import ParsedModel

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")
_KERAS_MEMBERS = ("metadata.json", "config.json")
_CHUNK_BYTES = 1 << 20


class SourceFormat(StrEnum):
    """Formats of trained models that EdgeKit reads; the value is the name in a manifest."""

    TFLITE = "tflite"
    KERAS = "keras"  # .keras, and HDF5
    SAVED_MODEL = "saved-model"


def format_of(path: Path) -> SourceFormat:
    """The format of a model. What is none of the others is taken for a .tflite file, whose reader explains.

    Raises:
        UnreadableModelError: there is nothing at `path`, or an archive or folder that holds no model, or
            one that is too large.
    """
    try:
        if path.is_dir():
            return _format_of_folder(path)
        with path.open("rb") as file:
            start = file.read(len(_HDF5))
        if start == _HDF5:
            _check_size(path, path.stat().st_size)
            return SourceFormat.KERAS
        if start.startswith(_ZIP):
            _check_archive(path)
            return SourceFormat.KERAS
    except OSError as error:
        raise _unreadable(path, f"{error.strerror or error}.", "Check its path and permissions.") from error
    return SourceFormat.TFLITE


def is_quantized(path: str | os.PathLike[str]) -> bool:
    """Whether a model has its integers already: a .tflite file that is not of floats alone.

    Raises UnreadableModelError when the file or folder is no model.
    """
    if format_of(Path(path)) is not SourceFormat.TFLITE:
        return False
    return not computes_in_float(survey_tflite(path)[0])


def computes_in_float(model: ParsedModel) -> bool:
    """Whether a network has floats (be it in a loop that it calls), and nothing in it is quantized."""
    tensors = model.main.tensors
    is_quantized = any(tensor.quantization and tensor.quantization.scales for tensor in tensors)
    return not is_quantized and any(tensor.dtype == "FLOAT32" for tensor in tensors)


def digest_of(path: Path) -> str:
    """SHA-256 of a file; of a folder, of its files in the order of their names, with these names.

    Raises UnreadableModelError when something in it cannot be read.
    """
    whole = hashlib.sha256()
    try:
        if not path.is_dir():
            _feed(whole, path)
        else:
            for file in _files(path):
                whole.update(f"{file.relative_to(path).as_posix()}\n{file.stat().st_size}\n".encode())
                _feed(whole, file)
    except OSError as error:
        raise _unreadable(path, f"{error.strerror or error}.", "Check its permissions and disk.") from error
    return whole.hexdigest()


def _format_of_folder(folder: Path) -> SourceFormat:
    if not any((folder / name).is_file() for name in _SAVED_MODEL_FILES):
        raise _unreadable(
            folder,
            f"It is a folder without {_SAVED_MODEL_FILES[0]}, and so no SavedModel.",
            "Give a .tflite, .keras or .h5 file, or the folder that model.export() of Keras wrote.",
        )
    _check_size(folder, sum(file.stat().st_size for file in _files(folder)))
    return SourceFormat.SAVED_MODEL


def _check_archive(path: Path) -> None:
    """A .keras file is an archive of what Keras writes; its size is told by its table of contents."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
        raise _unreadable(
            path,
            f"It starts as a .keras file does, and is damaged or cut short ({error}).",
            "Compare its size and digest with the original, or save the model again.",
        ) from error
    missing = [name for name in _KERAS_MEMBERS if name not in {member.filename for member in members}]
    if missing:
        raise _unreadable(
            path,
            f"It is a zip archive without {missing[0]}, and so no .keras file.",
            "Give the file that model.save() of Keras wrote; take other models out of their archive first.",
        )
    _check_size(path, sum(member.file_size for member in members))


def _check_size(path: Path, size_bytes: int) -> None:
    if size_bytes >= MAX_BYTES:
        raise _unreadable(
            path,
            f"It holds {size_bytes / (1 << 30):.1f} GiB; a .tflite model has less than 2.",
            "Export a smaller model.",
        )


def _files(folder: Path) -> Iterable[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _feed(whole: hashlib._Hash, path: Path) -> None:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            whole.update(chunk)


def _unreadable(path: Path, why: str, fix: str) -> UnreadableModelError:
    return UnreadableModelError(f"{path} cannot be read", why=why, fix=fix)

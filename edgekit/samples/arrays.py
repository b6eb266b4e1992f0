"""Samples in numpy's files: a `.npy` for a model of one input, a `.npz` for any, nothing unpickled."""

from __future__ import annotations

import math
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from edgekit.samples.errors import SamplesDoNotFitError, SamplesTooLargeError, SamplesUnreadableError
from edgekit.samples.loaded import LARGEST_BYTES, Loaded, check_size, check_type, shape_of_sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edgekit.samples.folders import Listing, Progress
    from edgekit.samples.samples import InputTensor

LABEL_KEYS = ("labels", "label", "y")
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_npy(path: Path, tensors: Sequence[InputTensor]) -> Loaded:
    """A file with one array: the samples of a model's only input.

    Raises:
        SamplesUnreadableError, SamplesTooLargeError: the file.
        SamplesDoNotFitError: the model has several inputs.
    """
    array = load_npy(path)
    if len(tensors) != 1:
        raise _several_inputs(f"{path} has one array", tensors)
    return Loaded(inputs=(array if array.ndim else array.reshape(1),))


def read_npz(path: Path, tensors: Sequence[InputTensor]) -> Loaded:
    """A file with an array for each input, and perhaps `labels`.

    Raises:
        SamplesUnreadableError, SamplesTooLargeError: the file.
        SamplesDoNotFitError: its keys or labels.
    """
    return keyed(load_npz(path), tensors, str(path))


def read_npy_folder(listing: Listing, tensors: Sequence[InputTensor], progress: Progress) -> Loaded:
    """Files with one sample each, all of one type.

    Raises:
        SamplesUnreadableError, SamplesTooLargeError: a file.
        SamplesDoNotFitError: a shape or type, or a model of several inputs.
    """
    if len(tensors) != 1:
        raise _several_inputs(f"{listing.folder} has one array in each file", tensors)
    check_size(len(listing.files), tensors, str(listing.folder))
    arrays: list[NDArray[Any]] = []
    for file in listing.in_turn(progress):
        array = load_npy(file)
        if arrays and array.dtype != arrays[0].dtype:
            raise SamplesDoNotFitError(
                f"{file} has values of type {array.dtype}.",
                why=f"Those before it have {arrays[0].dtype}.",
                fix="Save all samples in one type.",
            )
        check_type(array.dtype, str(file))
        arrays.append(array.reshape(shape_of_sample(array.shape, tensors[0], str(file))))
    return Loaded(
        inputs=(np.stack(arrays),), labels=listing.labels, names=listing.names, classes=listing.classes
    )


def keyed(arrays: Mapping[str, NDArray[Any]], tensors: Sequence[InputTensor], source: str) -> Loaded:
    """Arrays by name, each given to the input that it names.

    Raises:
        SamplesDoNotFitError: a name that is no input's, an input without array, or labels that are none.
    """
    label_key = next((key for key in LABEL_KEYS if key in arrays and len(arrays) > 1), None)
    labels = _labels(arrays[label_key], source) if label_key is not None else None
    rest = {key: array for key, array in arrays.items() if key != label_key}
    if len(tensors) == 1 and len(rest) == 1:
        return Loaded(inputs=tuple(rest.values()), labels=labels)
    names = [tensor.name for tensor in tensors]
    positions = [str(position) for position in range(len(names))]
    keys = names if rest.keys() == set(names) else positions
    if rest.keys() != set(keys):
        raise SamplesDoNotFitError(
            f"{source} has arrays named {', '.join(rest) or 'nothing'}.",
            why=f"The model's inputs are: {', '.join(names)}.",
            fix=f"Name the arrays so, or 0 to {len(names) - 1}; labels are named {LABEL_KEYS[0]!r}.",
        )
    return Loaded(inputs=tuple(rest[key] for key in keys), labels=labels)


def load_npy(path: Path) -> NDArray[Any]:
    """The array of a `.npy`.

    Raises:
        SamplesUnreadableError, SamplesTooLargeError: the file.
    """
    try:
        with path.open("rb") as file:
            return _read_array(file, path.stat().st_size, str(path))
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(path, error) from error


def load_npz(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a `.npz` by their keys.

    Raises:
        SamplesUnreadableError, SamplesTooLargeError: the file.
    """
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            _check_bytes(sum(entry.file_size for entry in archive.infolist()), f"{path}")
            for entry in archive.infolist():
                with archive.open(entry) as member:
                    place = f"{path}, {entry.filename}"
                    arrays[entry.filename.removesuffix(".npy")] = _read_array(member, entry.file_size, place)
    # RuntimeError and NotImplementedError: encrypted members, or packed in a way that zipfile lacks.
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise _unreadable(path, error) from error
    if not arrays:
        raise _unreadable(path, ValueError("it holds no array"))
    return arrays


def _read_array(file: IO[bytes], size_bytes: int, place: str) -> NDArray[Any]:
    """One array. Its header is held against the file's size first: no header allocates what is not there."""
    start = file.tell()
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError("it holds records, not an array of numbers")
    shape, _, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which would have to be unpickled, and are not")
    if any(length < 0 for length in shape):
        raise ValueError(f"its header tells of a shape {list(shape)}")
    needed_bytes = math.prod(shape) * dtype.itemsize
    _check_bytes(needed_bytes, f"{place} has an array of shape {list(shape)}, and")
    if needed_bytes > size_bytes:
        raise ValueError(f"its header tells of {needed_bytes} bytes, and the file has {size_bytes}")
    file.seek(start)
    array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _check_bytes(needed_bytes: int, what: str) -> None:
    if needed_bytes > LARGEST_BYTES:
        raise SamplesTooLargeError(
            f"{what} needs {needed_bytes / (1 << 30):.1f} GiB.",
            why=f"At most {LARGEST_BYTES >> 30} GiB are kept in memory.",
            fix="Save fewer samples; a few hundred are enough for calibration.",
        )


def _labels(array: NDArray[Any], source: str) -> NDArray[np.int64] | NDArray[np.float64]:
    """The number of a class for each sample, also as a column; or floats, which are no classes."""
    flat = array.reshape(-1) if array.ndim and array.size == len(array) else array
    if flat.ndim == 1 and flat.dtype.kind in "iu":
        return flat.astype(np.int64)
    if flat.ndim and flat.dtype.kind == "f" and not _is_one_hot(flat):
        return flat.astype(np.float64)
    raise SamplesDoNotFitError(
        f"{source} has labels of shape {list(array.shape)} and type {array.dtype}.",
        why="A label is the number of a class, one for each sample; or floats, for a model that estimates.",
        fix="For one-hot labels, save labels.argmax(axis=1).",
    )


def _is_one_hot(array: NDArray[Any]) -> bool:
    rows = array.reshape(len(array), -1) if array.size else array.reshape(0, 1)
    is_bit = np.isin(rows, (0, 1)).all()
    return bool(rows.shape[1] > 1 and is_bit and (rows.sum(axis=1) == 1).all())


def _several_inputs(what: str, tensors: Sequence[InputTensor]) -> SamplesDoNotFitError:
    return SamplesDoNotFitError(
        f"{what}, and the model has {len(tensors)} inputs.",
        why="A .npy holds one array.",
        fix=f"Save a .npz with these keys: {', '.join(tensor.name for tensor in tensors)}.",
    )


def _unreadable(path: Path, error: Exception) -> SamplesUnreadableError:
    reason = (
        error.strerror if isinstance(error, OSError) and error.strerror else str(error) or "it ends too soon"
    )
    return SamplesUnreadableError(
        f"{path} cannot be read.",
        why=f"{reason}.",
        fix="numpy.save makes a .npy, numpy.savez a .npz.",
    )

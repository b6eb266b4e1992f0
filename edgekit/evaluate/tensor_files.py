"""Tensors in files: `.npy` for one, `.npz` for several, keyed by tensor name or by position."""

from __future__ import annotations

import io
import zipfile
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.errors import TensorFileError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_HOW = "numpy.save makes a .npy, numpy.savez a .npz."


def load_tensors(paths: Sequence[Path]) -> dict[str, NDArray[Any]]:
    """The tensors in files: a `.npz` by its own keys, the n-th `.npy` under its position, "n".

    Raises:
        TensorFileError: a file cannot be read, is of another kind, or repeats a key.
    """
    tensors: dict[str, NDArray[Any]] = {}
    positions = count()
    for path in paths:
        found = _load(path, str(next(positions)) if path.suffix == ".npy" else "")
        repeated = sorted(tensors.keys() & found.keys())
        if repeated:
            raise TensorFileError(
                f"{path} repeats the input {repeated[0]!r}.",
                why="An earlier file has a tensor of that name.",
                fix="Give each input once.",
            )
        tensors |= found
    return tensors


def save_tensors(path: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write tensors to a `.npz` by their names, or the only one to a `.npy`.

    Raises:
        TensorFileError: the file cannot be written, or a `.npy` cannot hold as many.
    """
    if path.suffix == ".npy" and len(tensors) != 1:
        raise TensorFileError(
            f"{path} cannot hold {len(tensors)} outputs.", why="A .npy holds one array.", fix="Name a .npz."
        )
    try:
        if path.suffix == ".npy":
            np.save(path, next(iter(tensors.values())), allow_pickle=False)
        elif path.suffix == ".npz":
            _save_npz(path, tensors)
        else:
            raise _unknown_kind(path)
    except OSError as error:
        raise TensorFileError(
            f"{path} cannot be written.", why=f"{error.strerror or error}.", fix="Name another file."
        ) from error


def _save_npz(path: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
    # np.savez takes names as keywords, and would trip over a tensor named "file".
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, tensor in tensors.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(tensor), allow_pickle=False)


def _load(path: Path, position: str) -> dict[str, NDArray[Any]]:
    if path.suffix not in (".npy", ".npz"):
        raise _unknown_kind(path)
    try:
        # From memory: given a path, numpy leaves the file of a damaged archive open.
        loaded = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {position: loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise TensorFileError(f"{path} cannot be read.", why=f"{reason}.", fix=_HOW) from error


def _unknown_kind(path: Path) -> TensorFileError:
    return TensorFileError(
        f"{path} is neither a .npy nor a .npz file.", why="Tensors come and go in these two.", fix=_HOW
    )

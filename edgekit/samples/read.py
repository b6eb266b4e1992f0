"""The door: samples from whatever a user names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.samples import images, sounds
from edgekit.samples.arrays import read_npy, read_npy_folder, read_npz
from edgekit.samples.errors import SamplesNotFoundError, UnknownSamplesError
from edgekit.samples.folders import list_folder
from edgekit.samples.functions import is_function, read_function
from edgekit.samples.loaded import fitted
from edgekit.samples.tables import read_csv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.samples.folders import Progress
    from edgekit.samples.loaded import Loaded
    from edgekit.samples.preprocessing import Preprocessing
    from edgekit.samples.samples import InputTensor, Samples

_KINDS = (
    "Name a .npz, a .npy or a .csv, a folder of images, of .npy or of .wav files, "
    "or a Python function: module:function."
)
_IN_FOLDERS = {
    **dict.fromkeys(images.ENDINGS, "images"),
    ".npy": "arrays",
    **dict.fromkeys(sounds.ENDINGS, "sounds"),
}


def read_samples(
    where: str | Path,
    tensors: Sequence[InputTensor],
    preprocessing: Preprocessing,
    progress: Progress = lambda _stage, _share: None,
) -> Samples:
    """Samples of the inputs `tensors` of a model, read and preprocessed.

    Arrays of floats are taken for what the model takes, and left as they are; everything else is raw, and
    goes through the preprocessing.

    Raises:
        SamplesError: one of its subclasses says what cannot be read, or does not fit the model.
        MissingExtraError: there are images, and Pillow is not installed.
    """
    return fitted(_load(where, tensors, preprocessing, progress), tensors, preprocessing, str(where))


def _load(
    where: str | Path, tensors: Sequence[InputTensor], preprocessing: Preprocessing, progress: Progress
) -> Loaded:
    path = Path(where)
    kind = _kind(path)
    if kind is None:
        if is_function(str(where)):
            return read_function(str(where), tensors)
        raise SamplesNotFoundError(f"There are no samples at {path}.", why="No such file.", fix=_KINDS)
    match kind:
        case "folder":
            return _load_folder(path, tensors, preprocessing, progress)
        case ".npz":
            return read_npz(path, tensors)
        case ".npy":
            return read_npy(path, tensors)
        case ".csv":
            return read_csv(path, tensors, preprocessing)
        case _:
            raise UnknownSamplesError(
                f"{path} holds no samples that can be read.", why="Its name has no known ending.", fix=_KINDS
            )


def _kind(path: Path) -> str | None:
    """What a path is: "folder", or the ending of a file's name; None where there is nothing."""
    try:
        if path.is_dir():
            return "folder"
        return path.suffix.lower() if path.is_file() else None
    except OSError as error:  # such as a name that is too long for a file
        raise SamplesNotFoundError(
            f"There are no samples at {path}.", why=f"{error.strerror or error}.", fix=_KINDS
        ) from error


def _load_folder(
    path: Path, tensors: Sequence[InputTensor], preprocessing: Preprocessing, progress: Progress
) -> Loaded:
    listing = list_folder(path, _IN_FOLDERS)
    match listing.kind:
        case "images":
            return images.read_images(listing, tensors, preprocessing, progress)
        case "sounds":
            return sounds.read_sounds(listing, tensors, preprocessing, progress)
        case _:
            return read_npy_folder(listing, tensors, progress)

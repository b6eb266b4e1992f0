"""The door: samples from whatever a user names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.samples.arrays import read_npy, read_npz
from edgekit.samples.errors import SamplesNotFoundError, UnknownSamplesError
from edgekit.samples.loaded import fitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.samples.preprocessing import Preprocessing
    from edgekit.samples.samples import InputTensor, Samples

_KINDS = "a .npz or a .npy"
_FILES = {".npz": read_npz, ".npy": read_npy}


def read_samples(where: str | Path, tensors: Sequence[InputTensor], preprocessing: Preprocessing) -> Samples:
    """Samples of the inputs `tensors` of a model, read and preprocessed.

    Arrays of floats are taken for what the model takes, and left as they are; everything else is raw, and
    goes through the preprocessing.

    Raises:
        SamplesError: one of its subclasses says what cannot be read, or does not fit the model.
    """
    path = Path(where)
    if not path.exists():
        raise SamplesNotFoundError(
            f"There are no samples at {path}.", why="No such file.", fix=f"Name {_KINDS}."
        )
    reader = _FILES.get(path.suffix.lower())
    if reader is None:
        raise UnknownSamplesError(
            f"{path} holds no samples that can be read.",
            why="Its name says no known kind.",
            fix=f"Name {_KINDS}.",
        )
    return fitted(reader(path, tensors), tensors, preprocessing, str(where))

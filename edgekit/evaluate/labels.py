"""Labels of their own: a `.npy` file beside the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekit.errors import TensorFileError
from edgekit.evaluate.errors import LabelsDoNotFitError
from edgekit.evaluate.tensor_files import load_tensors

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read_labels(path: Path) -> NDArray[Any]:
    """The labels in a `.npy`: samples first; integers are classes, floats are numbers to be met.

    Raises:
        LabelsDoNotFitError: the file cannot be read, or holds no numbers.
    """
    try:
        found = load_tensors([path])
    except TensorFileError as error:
        raise LabelsDoNotFitError(error.what, why=error.why, fix=error.fix) from error
    (labels,) = found.values() if len(found) == 1 else (None,)
    if labels is None or labels.ndim == 0 or labels.dtype.kind not in "iubf":
        held = f"{len(found)} arrays" if labels is None else f"shape {labels.shape}, type {labels.dtype}"
        raise LabelsDoNotFitError(
            f"{path} holds no labels.",
            why=f"Labels are one array of numbers, samples first; it holds {held}.",
            fix="Save one with numpy.save.",
        )
    return labels

"""What a reader found, before it is fitted to the model: and the fitting, which is the same for all."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.samples.errors import SamplesDoNotFitError, SamplesNotFoundError, SamplesTooLargeError
from edgekit.samples.samples import Samples
from edgekit.samples.values import normalized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.samples.preprocessing import Preprocessing
    from edgekit.samples.samples import InputTensor

# Of float32 values. More than calibration ever needs, and less than the memory of a machine that builds.
LARGEST_BYTES = 4 << 30


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loaded:
    """Arrays as a file holds them: `[samples, ...]` for each input of the model, in its order."""

    inputs: tuple[NDArray[Any], ...]
    labels: NDArray[np.int64] | NDArray[np.float64] | None = None  # as in `Samples`
    names: tuple[str, ...] | None = None  # None: their numbers
    classes: tuple[str, ...] = ()
    is_raw: bool | None = None  # None: what is not float is raw


def fitted(
    loaded: Loaded, tensors: Sequence[InputTensor], preprocessing: Preprocessing, source: str
) -> Samples:
    """The samples of a model's inputs: checked, in its shapes, values preprocessed.

    Raises:
        SamplesNotFoundError: there is no sample.
        SamplesDoNotFitError: a number, shape or type that the model does not take.
        SamplesTooLargeError: more than `LARGEST_BYTES`.
    """
    count = _count(loaded, source)
    check_size(count, tensors, source)
    inputs, was_raw = [], False
    for array, tensor in zip(loaded.inputs, tensors, strict=True):
        check_type(array.dtype, source)
        shaped = array.reshape(count, *shape_of_sample(array.shape[1:], tensor, source))
        is_raw = loaded.is_raw if loaded.is_raw is not None else array.dtype.kind != "f"
        inputs.append(_float32(shaped, preprocessing if is_raw else None))
        was_raw = was_raw or is_raw
    labels = loaded.labels
    if labels is not None:
        labels.flags.writeable = False
    names = loaded.names or tuple(str(number) for number in range(count))
    return Samples(
        inputs=tuple(inputs),
        labels=labels,
        names=names,
        source=source,
        classes=loaded.classes,
        was_raw=was_raw,
    )


def check_size(count: int, tensors: Sequence[InputTensor], source: str) -> None:
    """Refuse more samples than fit in memory, before they are read.

    Raises:
        SamplesTooLargeError: as its name says.
    """
    bytes_each = 4 * sum(math.prod(tensor.shape[1:]) for tensor in tensors)
    if count * bytes_each > LARGEST_BYTES:
        raise SamplesTooLargeError(
            f"{source} has too many samples: {count}.",
            why=f"At {bytes_each} bytes each they need {count * bytes_each / (1 << 30):.1f} GiB, and at most "
            f"{LARGEST_BYTES >> 30} GiB are kept in memory.",
            fix=f"Give {LARGEST_BYTES // bytes_each} or fewer; a few hundred are enough for calibration.",
        )


def check_type(dtype: np.dtype[Any], source: str) -> None:
    """Refuse what is no real number.

    Raises:
        SamplesDoNotFitError: as its name says.
    """
    if dtype.kind not in "buif":
        raise SamplesDoNotFitError(
            f"{source} has values of type {dtype}.",
            why="A model takes real numbers.",
            fix="Save floats, or bytes with a [preprocess] table.",
        )


def _count(loaded: Loaded, source: str) -> int:
    counts = {len(array) if array.ndim else 0 for array in loaded.inputs}
    if len(counts) > 1:
        raise SamplesDoNotFitError(
            f"{source} has {' and '.join(map(str, sorted(counts)))} samples.",
            why="The first axis of each input's array counts the samples.",
            fix="Save as many of each.",
        )
    count = counts.pop()
    if count == 0:
        raise SamplesNotFoundError(
            f"{source} holds no sample.",
            why="Its first axis, which counts the samples, is empty.",
            fix="Save at least one sample; calibration wants a hundred or more.",
        )
    if loaded.labels is not None and len(loaded.labels) != count:
        raise SamplesDoNotFitError(
            f"{source} has {count} samples and {len(loaded.labels)} labels.",
            why="Each sample has one label.",
            fix="Save them from the same selection.",
        )
    return count


def shape_of_sample(shape: tuple[int, ...], tensor: InputTensor, source: str) -> tuple[int, ...]:
    """The model's shape of one sample, if an array's is the same but for axes of length 1.

    Raises:
        SamplesDoNotFitError: it is not; says how the array could be brought to it.
    """
    wanted = tensor.shape[1:]
    if [length for length in shape if length != 1] == [length for length in wanted if length != 1]:
        return wanted
    why, fix = f"The input {tensor.name!r} takes {list(wanted)} for each sample.", "Bring them to that shape."
    if len(wanted) == 3 and shape == (wanted[2], *wanted[:2]):
        why += " These have the channels first, the model has them last."
        fix = "array.transpose(0, 2, 3, 1) puts the channels last."
    elif shape == wanted[1:]:
        why += " The first axis of the array must count the samples."
        fix = "For one sample, array[numpy.newaxis] adds that axis."
    elif math.prod(shape) == math.prod(wanted):
        fix = f"array.reshape(-1, {', '.join(map(str, wanted))}), if the order of the values is the same."
    raise SamplesDoNotFitError(f"{source} has samples of shape {list(shape)}.", why=why, fix=fix)


def _float32(array: NDArray[Any], preprocessing: Preprocessing | None) -> NDArray[np.float32]:
    if preprocessing is not None and preprocessing.changes_values:
        values = normalized(array, preprocessing)
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.array(array, dtype=np.float32, order="C")
    values.flags.writeable = False
    return values

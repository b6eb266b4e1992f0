"""The value: samples of a model's inputs, ready to be fed to it."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class InputTensor(Protocol):
    """An input of a model, as far as samples must know it."""

    @property
    def name(self) -> str:
        """How the model calls it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its first axis is the batch, which is 1."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Samples:
    """Samples in the form in which the model takes them.

    `inputs` has one array for each input of the model, in its order: `[samples, *shape[1:]]`, read-only.
    """

    inputs: tuple[NDArray[np.float32], ...]
    # [samples], whole numbers: the class of each. Floats, of any shape from [samples] on: what the model is
    # to estimate. None: the data does not say.
    labels: NDArray[np.int64] | NDArray[np.float64] | None
    names: tuple[str, ...]  # of each sample: the file it came from, or its number
    source: str  # what the user named
    classes: tuple[str, ...] = ()  # the name of each label, where the data has names; () if it has none
    was_raw: bool = False  # whether the values went through the preprocessing

    def __len__(self) -> int:
        """How many samples there are."""
        return len(self.names)

    @property
    def digest(self) -> str:
        """SHA-256 of the inputs' shapes and values, in order, as lower-case hex."""
        whole = hashlib.sha256()
        for array in self.inputs:
            whole.update(f"{array.shape}\n".encode())
            whole.update(np.ascontiguousarray(array, dtype="<f4").data)
        return whole.hexdigest()

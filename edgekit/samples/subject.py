"""What the linter's rules look at: samples with what is known of them, each input summed up once."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.samples.preprocessing import Preprocessing
    from edgekit.samples.samples import InputTensor, Samples


@dataclasses.dataclass(frozen=True)
class Input:
    """The samples of one input: `values` is `[samples, ...]`."""

    name: str
    values: NDArray[np.float32]

    @cached_property
    def lows(self) -> NDArray[np.float32]:
        """The lowest value of each sample; NaN if it has one."""
        lows: NDArray[np.float32] = self.values.reshape(len(self.values), -1).min(axis=1)
        return lows

    @cached_property
    def highs(self) -> NDArray[np.float32]:
        """The highest value of each sample; NaN if it has one."""
        highs: NDArray[np.float32] = self.values.reshape(len(self.values), -1).max(axis=1)
        return highs

    @cached_property
    def finite(self) -> NDArray[np.bool_]:
        """Of each sample, whether all of its values are finite."""
        return np.isfinite(self.lows) & np.isfinite(self.highs)

    @cached_property
    def low(self) -> float:
        """The lowest value of all."""
        return float(self.lows.min())

    @cached_property
    def high(self) -> float:
        """The highest value of all."""
        return float(self.highs.max())

    @property
    def is_image(self) -> bool:
        """Whether its samples have rows, columns and few channels, as images do."""
        return self.values.ndim == 4 and self.values.shape[-1] in (1, 3) and min(self.values.shape[1:3]) > 1

    @cached_property
    def channel_lows(self) -> NDArray[np.float64]:
        """The lowest value in each position of the last axis."""
        return np.array(self.values.reshape(-1, self.values.shape[-1]).min(axis=0), np.float64)

    @cached_property
    def channel_highs(self) -> NDArray[np.float64]:
        """The highest value in each position of the last axis."""
        return np.array(self.values.reshape(-1, self.values.shape[-1]).max(axis=0), np.float64)


@dataclasses.dataclass(frozen=True)
class Subject:
    """Samples, the preprocessing that is declared for them, and the model they are for."""

    samples: Samples
    preprocessing: Preprocessing
    inputs: tuple[Input, ...]
    classes: int | None  # that the model tells apart; None: not known

    @property
    def sound_inputs(self) -> tuple[Input, ...]:
        """The inputs whose values can be compared: all finite, and not all the same."""
        return tuple(each for each in self.inputs if each.finite.all() and each.low < each.high)


def subject_of(
    samples: Samples,
    preprocessing: Preprocessing,
    inputs: Sequence[InputTensor],
    outputs: Sequence[InputTensor],
) -> Subject:
    """Samples as the rules look at them. A model that answers with one row of numbers tells classes apart."""
    shape = outputs[0].shape if len(outputs) == 1 else ()
    classes = shape[1] if len(shape) == 2 and shape[1] > 1 else None
    looked_at = tuple(
        Input(tensor.name, values) for tensor, values in zip(inputs, samples.inputs, strict=True)
    )
    return Subject(samples, preprocessing, looked_at, classes)

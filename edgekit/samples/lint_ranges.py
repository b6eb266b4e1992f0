"""Rules of the linter on the range of values: outliers, columns of different size, a wrong normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.samples.finding import Fault, Finding, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edgekit.samples.subject import Input, Subject

# Two of the eight bits.
_STRETCH = 4
_OUTLIERS_SHARE = 0.01
# With fewer, one in a hundred is no sample at all.
_SAMPLES_FOR_OUTLIERS = 50
_INT8_STEPS = 255
# A column within this many steps is as good as constant to the model.
_COLUMN_STEPS = 4
_MOST_COLUMNS = 64


def outliers(subject: Subject) -> Iterator[Finding]:
    """One sample in a hundred, or fewer, that makes the range four times as wide."""
    for each in subject.sound_inputs:
        usual, extreme = _split(each)
        low, high = float(each.lows[usual].min()), float(each.highs[usual].max())
        width = high - low
        if width == 0 or each.high - each.low < _STRETCH * width:
            continue
        times = (each.high - each.low) / width
        outside = [
            index for index in extreme if each.lows[index] < low - width or each.highs[index] > high + width
        ]
        names = listed([subject.samples.names[index] for index in outside])
        yield Finding(
            Fault.OUTLIERS,
            f"{len(outside)} of {len(subject.samples)} samples of input {each.name!r} make its range "
            f"{times:.3g} times as wide, {each.low:g} to {each.high:g}: {names}.",
            f"The other samples are left with {int(_INT8_STEPS / times)} of {_INT8_STEPS} steps of int8.",
            "Look at these samples: a wrong unit, a spike of a sensor. Delete or clip them; if the model has "
            "to cope with such values, compress them before training.",
        )


def uneven_columns(subject: Subject) -> Iterator[Finding]:
    """Features in different units share one range: the small ones vanish in a step or two."""
    for each in subject.sound_inputs:
        if each.values.ndim != 2 or not 1 < each.values.shape[1] <= _MOST_COLUMNS:
            continue
        rows = each.values[_split(each)[0]]
        lows, highs = rows.min(axis=0), rows.max(axis=0)
        step = (float(highs.max()) - float(lows.min())) / _INT8_STEPS
        narrow = np.flatnonzero((highs > lows) & (highs - lows < _COLUMN_STEPS * step))
        if len(narrow):
            yield Finding(
                Fault.UNEVEN_COLUMNS,
                f"Columns {listed([str(index) for index in narrow])} of input {each.name!r} move within less "
                f"than {_COLUMN_STEPS} of the {_INT8_STEPS} steps of int8.",
                f"All columns of an input share one range, here {lows.min():g} to {highs.max():g}; what "
                "these say is rounded away.",
                "Train the model on columns of similar range: mean and std in [preprocess] do that.",
            )


def _split(each: Input) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The usual samples, and the one in a hundred that reaches farthest, the farthest first."""
    count = len(each.values)
    spared = max(1, int(count * _OUTLIERS_SHARE)) if count >= _SAMPLES_FOR_OUTLIERS else 0
    by_extent = np.argsort(_extent(each), kind="stable")
    return by_extent[: count - spared], by_extent[count - spared :][::-1]


def _extent(each: Input) -> NDArray[np.float64]:
    """How far a sample reaches from the middle of what samples usually are."""
    lows, highs = each.lows.astype(np.float64), each.highs.astype(np.float64)
    middle = (np.median(lows) + np.median(highs)) / 2
    return np.maximum(np.abs(lows - middle), np.abs(highs - middle))

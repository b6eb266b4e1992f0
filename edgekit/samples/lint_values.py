"""Rules of the linter on values that mean nothing: NaN, infinite, all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.samples.finding import Fault, Finding, counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgekit.samples.subject import Subject

# A blank picture or a silent clip belongs into many data sets; a share of them is a loader's fault.
_MANY_EMPTY = 0.1
# Samples of fewer values may well be all the same by chance: four switches are off.
_FEW_VALUES = 16


def not_finite(subject: Subject) -> Iterator[Finding]:
    """NaN and infinite values."""
    for each in subject.inputs:
        names = [subject.samples.names[index] for index in np.flatnonzero(~each.finite)]
        if names:
            yield Finding(
                Fault.NOT_FINITE,
                f"Input {each.name!r} has NaN or infinite values in {counted(len(names))}: {listed(names)}.",
                "A range that is to hold NaN or infinity has no steps: every answer would be the same.",
                "Delete these samples, or find the division by zero or the overflow that made them.",
                blocks=True,
            )


def constant(subject: Subject) -> Iterator[Finding]:
    """One value everywhere."""
    for each in subject.inputs:
        if each.finite.all() and each.low == each.high:
            yield Finding(
                Fault.CONSTANT,
                f"Input {each.name!r} is {each.low:g} everywhere, in all {len(subject.samples)} samples.",
                "Calibration would see no range, here or in the layers behind it.",
                "Look at what is read: a wrong path, an empty buffer, or a scale that rounds all to 0.",
                blocks=True,
            )


def empty_samples(subject: Subject) -> Iterator[Finding]:
    """Many samples that are one value each: all black, silent."""
    for each in subject.sound_inputs:
        if each.values[0].size < _FEW_VALUES:
            continue
        empty = np.flatnonzero(each.lows == each.highs)
        if len(empty) > _MANY_EMPTY * len(subject.samples):
            names = [subject.samples.names[index] for index in empty]
            values = np.unique(each.lows[empty])
            value = f"{values[0]:g}" if len(values) == 1 else "one value"
            yield Finding(
                Fault.EMPTY_SAMPLES,
                f"{len(names)} of {len(subject.samples)} samples of input {each.name!r} are {value} "
                f"throughout: {listed(names)}.",
                "They say nothing of the values that the layers take, and they are counted as samples.",
                "Look at these files; delete them if they are not meant to be blank.",
            )


def empty_channel(subject: Subject) -> Iterator[Finding]:
    """A channel of images that is one value in all of them, while others are not."""
    for each in subject.sound_inputs:
        if not each.is_image:
            continue
        channels = np.flatnonzero(each.channel_lows == each.channel_highs)
        if len(channels):
            names = " and ".join(map(str, channels))
            yield Finding(
                Fault.EMPTY_CHANNEL,
                f"Channel {names} of input {each.name!r} has one value in all samples.",
                "What the model learned of that channel is not exercised, and its ranges come out wrong.",
                "Look at how the channels are put together.",
            )

"""Rules of the linter on normalisation, as far as it is known what the model was trained on.

Known it is by `trained_range`, by what a declared scale, mean and std make of bytes, and by the means of
ImageNet, which come in the order of the channels.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from edgekit.samples.finding import Fault, Finding
from edgekit.samples.preprocessing import Color

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edgekit.samples.preprocessing import Preprocessing
    from edgekit.samples.subject import Input, Subject

_TOLERANCE = 0.01  # of the range's width
_LEAST_USED = 0.6  # of the range's width: [0, 1] in place of [-1, 1] is a half
_LIKELY_BYTES = 128  # bytes of real pictures reach at least that high
_IMAGENET = np.array([0.485, 0.456, 0.406])  # of red, green and blue, in 0 to 1
_CLOSE = 0.004


@dataclasses.dataclass(frozen=True)
class _Range:
    """What values should be, for each channel or for all."""

    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    source: str

    def misses(self, each: Input) -> bool:
        """Whether values lie outside."""
        slack = _TOLERANCE * (self.highs - self.lows)
        below, above = each.channel_lows < self.lows - slack, each.channel_highs > self.highs + slack
        return bool(below.any() or above.any())

    def reversed(self) -> _Range:
        """The same with the channels in the other order."""
        return _Range(self.lows[::-1], self.highs[::-1], self.source)

    def __str__(self) -> str:
        """From the lowest to the highest."""
        return f"{self.lows.min():.4g} to {self.highs.max():.4g}"


def normalisation(subject: Subject) -> Iterator[Finding]:
    """Values outside of the range they should have, in a part of it, or in that of another channel."""
    for each in subject.sound_inputs:
        known = _known_range(subject, each)
        if known is None:
            continue
        if not known.misses(each):
            used = (each.high - each.low) / float(known.highs.max() - known.lows.min())
            if used < _LEAST_USED:
                yield _range_unused(each, known, used)
        elif len(known.lows) > 1 and not known.reversed().misses(each):
            yield Finding(
                Fault.CHANNELS_SWAPPED,
                f"Input {each.name!r} has its channels in the other order.",
                f"Its values leave the range that {known.source} gives to each channel, and keep to it if "
                "the channels are read backwards.",
                "Swap red and blue where the samples are made: array[..., ::-1].",
            )
        else:
            yield _out_of_range(each, known)


def not_scaled(subject: Subject) -> Iterator[Finding]:
    """Bytes of pictures that nothing scales, unless it is said that the model was trained on such."""
    if subject.preprocessing.trained_range is not None or subject.preprocessing.changes_values:
        return
    for each in subject.sound_inputs:
        if each.is_image and _are_bytes(each):
            yield Finding(
                Fault.NOT_SCALED,
                f"Input {each.name!r} has whole numbers from {each.low:g} to {each.high:g}, as pictures "
                "have before they are scaled.",
                "A model that was trained on 0 to 1 or -1 to 1 answers to them at random, and its ranges "
                "come out hundreds of times too wide.",
                'Declare what was done in training: scale = "1/255" in [preprocess], for example. If the '
                "model scales by itself: trained_range = [0, 255].",
            )


def mean_order(subject: Subject) -> Iterator[Finding]:
    """ImageNet's means in the order of red, green and blue for an image in that of blue, green and red, or
    the other way round."""
    preprocessing = subject.preprocessing
    if len(preprocessing.mean) != 3:
        return
    means = np.array(preprocessing.mean) / (255 * preprocessing.scale)
    is_rgb = preprocessing.color is not Color.BGR
    other = _IMAGENET[::-1] if is_rgb else _IMAGENET
    if np.abs(means - other).max() < _CLOSE:
        order, means_order = ("rgb", "bgr") if is_rgb else ("bgr", "rgb")
        yield Finding(
            Fault.CHANNELS_SWAPPED,
            f"The channels are in the order {order}, and 'mean' has ImageNet's in that of {means_order}.",
            "Red is shifted by the mean of blue, and the model may take one for the other.",
            f'Set color = "{means_order}" in [preprocess], or turn the means and deviations round: whichever '
            "was done in training.",
        )


def _known_range(subject: Subject, each: Input) -> _Range | None:
    declared = subject.preprocessing.trained_range
    if declared is not None and len(subject.inputs) == 1:
        return _Range(np.array([declared[0]]), np.array([declared[1]]), "trained_range")
    # What went through the preprocessing keeps to its range by itself.
    if each.is_image and subject.preprocessing.changes_values and not subject.samples.was_raw:
        return _range_of_bytes(subject.preprocessing, each.values.shape[-1])
    return None


def _range_of_bytes(preprocessing: Preprocessing, channels: int) -> _Range | None:
    if not {len(preprocessing.mean), len(preprocessing.std)} <= {1, channels}:
        return None
    ends = [(byte * preprocessing.scale - np.array(preprocessing.mean)) for byte in (0, 255)]
    first, second = (end / np.array(preprocessing.std) for end in ends)
    return _Range(np.minimum(first, second), np.maximum(first, second), "[preprocess]")


def _out_of_range(each: Input, known: _Range) -> Finding:
    looks = ""
    if each.is_image and _are_bytes(each):
        looks = " They look like bytes that were not scaled."
    return Finding(
        Fault.OUT_OF_RANGE,
        f"Input {each.name!r} has values from {each.low:g} to {each.high:g}.{looks}",
        f"By {known.source} they should be {known}. The model answers to others at random, and the ranges "
        "of its layers come out for values that it will never see.",
        "Do to the samples what was done in training; or correct [preprocess].",
    )


def _range_unused(each: Input, known: _Range, used: float) -> Finding:
    return Finding(
        Fault.RANGE_UNUSED,
        f"Input {each.name!r} has values from {each.low:g} to {each.high:g}, {used:.0%} of the range that "
        "it should have.",
        f"By {known.source} they should be {known}. Values normalised otherwise, or twice, look like this; "
        "the ranges of the layers come out too narrow, and real inputs are clipped.",
        "Do to the samples what was done in training, once; or correct [preprocess].",
    )


def _are_bytes(each: Input) -> bool:
    return bool(
        each.low >= 0
        and _LIKELY_BYTES <= each.high <= 255
        and all(np.array_equal(sample, np.rint(sample)) for sample in each.values)
    )

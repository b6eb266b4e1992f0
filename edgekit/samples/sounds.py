"""Samples that are sounds: WAV files of PCM, as 16-bit values of one channel.

Values of 8 bits (unsigned) become `(x - 128) * 256`, those of 24 and 32 bits lose their low bits
(`x >> 8`, `x >> 16`). Several channels become their mean, rounded down. A sound that is longer than the
model's input is cut at its end, a shorter one is filled with zeros there. Nothing is resampled.
"""

from __future__ import annotations

import math
import wave
from typing import TYPE_CHECKING

import numpy as np

from edgekit.samples.errors import SamplesDoNotFitError, SamplesUnreadableError
from edgekit.samples.loaded import Loaded, check_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edgekit.samples.folders import Listing, Progress
    from edgekit.samples.preprocessing import Preprocessing
    from edgekit.samples.samples import InputTensor

ENDINGS = (".wav",)
_FIX = "`ffmpeg -i IN.wav -c:a pcm_s16le OUT.wav` writes one that can be read."


def read_sounds(
    listing: Listing, tensors: Sequence[InputTensor], preprocessing: Preprocessing, progress: Progress
) -> Loaded:
    """The sounds of a folder, as raw 16-bit values in the model's length.

    Raises:
        SamplesUnreadableError: a sound; names it.
        SamplesDoNotFitError: the model takes no sounds, or one has another rate.
        SamplesTooLargeError: too many of them.
    """
    length = _length(tensors, str(listing.folder))
    check_size(len(listing.files), tensors, str(listing.folder))
    out = np.zeros((len(listing.files), length), np.int16)
    wanted_hz = preprocessing.sample_rate_hz
    for sound, file in zip(out, listing.in_turn(progress), strict=True):
        rate_hz, values = decoded(file, length)
        wanted_hz = wanted_hz or rate_hz
        if rate_hz != wanted_hz:
            raise SamplesDoNotFitError(
                f"{file} has {rate_hz} values a second.",
                why=f"{wanted_hz} are wanted, and sounds are not resampled.",
                fix=f"`ffmpeg -i IN.wav -ar {wanted_hz} OUT.wav` resamples it.",
            )
        sound[: len(values)] = values
    shaped = out.reshape(-1, *tensors[0].shape[1:])
    return Loaded(
        inputs=(shaped,), labels=listing.labels, names=listing.names, classes=listing.classes, is_raw=True
    )


def decoded(file: Path, length: int) -> tuple[int, NDArray[np.int16]]:
    """Rate in hertz and the first `length` values, or all if there are fewer.

    Raises:
        SamplesUnreadableError: the file is damaged, cut short, or not PCM.
    """
    try:
        with wave.open(str(file), "rb") as sound:
            channels, width = sound.getnchannels(), sound.getsampwidth()
            count = min(length, sound.getnframes())
            data = sound.readframes(count)
            if len(data) != count * channels * width:
                raise wave.Error("it ends before its sound does")
            if not count:
                raise wave.Error("it holds no sound")
            return sound.getframerate(), _mono(_to_16_bits(data, width).reshape(-1, channels))
    # RuntimeError: `wave` raises it for chunks that point outside of the file.
    except (OSError, EOFError, RuntimeError, ValueError, wave.Error) as error:
        reason = getattr(error, "strerror", None) or str(error) or "it ends too soon"
        raise SamplesUnreadableError(
            f"{file} cannot be read as a sound.", why=f"{reason}.", fix=_FIX
        ) from error


def _to_16_bits(data: bytes, width: int) -> NDArray[np.int16]:
    raw = np.frombuffer(data, np.uint8).reshape(-1, width)
    if width == 1:
        return ((raw[:, 0].astype(np.int16) - 128) * 256).astype(np.int16)
    if width > 4:
        raise wave.Error(f"its values have {8 * width} bits")
    # The two highest bytes are the value shifted down: WAV is little-endian.
    high, low = raw[:, -1].astype(np.int16), raw[:, -2].astype(np.int16)
    value: NDArray[np.int16] = (high << 8) | low
    return value


def _mono(values: NDArray[np.int16]) -> NDArray[np.int16]:
    total: NDArray[np.int64] = values.sum(axis=1, dtype=np.int64)
    mean: NDArray[np.int64] = total // values.shape[1]
    return mean.astype(np.int16)


def _length(tensors: Sequence[InputTensor], source: str) -> int:
    shape = tensors[0].shape[1:]
    length = math.prod(shape)
    if len(tensors) == 1 and length == max(shape, default=0):
        return length
    raise SamplesDoNotFitError(
        f"{source} has sounds, and the model takes "
        + " and ".join(f"{tensor.name!r} of {list(tensor.shape[1:])}" for tensor in tensors)
        + " for each sample.",
        why="A sound is one row of values. A model of spectra takes what is computed of it.",
        fix="Compute them in a Python function, and name it as samples: module:function.",
    )

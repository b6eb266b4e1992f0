"""What is done to a raw image, sound or number before a model gets it: declared once, in a TOML table.

The same definition holds for calibration, evaluation and the device, so every step is exact:

1. An image is resized to the model's height and width (`resize.py` has the arithmetic, all in integers).
2. Its channels are brought to the order of `color`.
3. Every value x becomes `(x * scale - mean) / std`, computed in double precision in this order and rounded
   once to float32 (`values.py`).

A sound skips the first two: its values are 16-bit PCM, mixed down to one channel (`sounds.py`).
"""

from __future__ import annotations

import dataclasses
import math
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from edgekit.errors import UnknownKeyError, WrongTypeError, WrongValueError, nearest
from edgekit.schema import choose

if TYPE_CHECKING:
    from collections.abc import Mapping

_FRACTION = re.compile(r"\s*([0-9.]+)\s*/\s*([0-9.]+)\s*")


class Resize(StrEnum):
    """How an image is brought to the model's height and width. `resize.py` defines each to the bit."""

    BILINEAR = "bilinear"  # the four nearest pixels, as tf.image.resize and Keras do it
    ANTIALIAS = "antialias"  # all pixels under a triangle, as Pillow's BILINEAR and torchvision do it
    NEAREST = "nearest"  # the pixel under the centre


class Fit(StrEnum):
    """What becomes of an image whose sides are in another proportion than the model's."""

    STRETCH = "stretch"  # its proportions are lost
    CROP = "crop"  # the largest part in the middle that has the proportions is taken


class Color(StrEnum):
    """The order of an image's channels. None is the model's number of channels: one is gray, three rgb."""

    RGB = "rgb"
    BGR = "bgr"
    GRAY = "gray"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """One `[preprocess]` table. Its defaults do nothing to values."""

    resize: Resize = Resize.BILINEAR
    fit: Fit = Fit.STRETCH
    color: Color | None = None
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)  # one, or one for each channel; in units after `scale`
    std: tuple[float, ...] = (1.0,)  # as `mean`
    sample_rate_hz: int | None = None  # of every sound; None: whatever rate the first file has
    label_column: str = "label"  # of a CSV
    trained_range: tuple[float, float] | None = None  # of the values the model was trained on; for the linter

    @property
    def changes_values(self) -> bool:
        """Whether a value comes out as another one."""
        return self.scale != 1 or any(self.mean) or any(std != 1 for std in self.std)

    def table(self) -> dict[str, Any]:
        """The TOML table of this preprocessing: `preprocessing_of` reads it back to an equal one."""
        table: dict[str, Any] = {"resize": self.resize.value, "fit": self.fit.value, "scale": self.scale}
        table |= {"mean": list(self.mean), "std": list(self.std), "label_column": self.label_column}
        if self.color is not None:
            table["color"] = self.color.value
        if self.sample_rate_hz is not None:
            table["sample_rate_hz"] = self.sample_rate_hz
        if self.trained_range is not None:
            table["trained_range"] = list(self.trained_range)
        return table


def preprocessing_of(table: Mapping[str, Any], where: str) -> Preprocessing:
    """What a `[preprocess]` table declares. `where` opens every message: "edgekit.toml, table [preprocess]".

    Raises:
        UnknownKeyError: a key that means nothing; names the nearest one.
        WrongTypeError, WrongValueError: a value that cannot be used.
    """
    known = [field.name for field in dataclasses.fields(Preprocessing)]
    for key in table:
        if key not in known:
            raise UnknownKeyError(
                f"{where} has an unknown key {key!r}.",
                why=f"Its keys are: {', '.join(known)}.",
                fix=nearest(key, known, "Delete the key."),
            )
    values: dict[str, Any] = {key: _READERS[key](value, f"{where}: {key!r}") for key, value in table.items()}
    return Preprocessing(**values)


def _number(value: object, where: str) -> float:
    if isinstance(value, str) and (fraction := _FRACTION.fullmatch(value)):
        value = _quotient(*fraction.groups())
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(value, where, 'a number, or a fraction as a string: "1/255"')
    if not math.isfinite(value):
        raise _wrong_value(value, where, "a finite number")
    return float(value)


def _quotient(numerator: str, denominator: str) -> float:
    try:
        return float(numerator) / float(denominator)
    except (ValueError, ZeroDivisionError):
        return math.nan


def _numbers(value: object, where: str) -> tuple[float, ...]:
    if not isinstance(value, list):
        return (_number(value, where),)
    if not value:
        raise _wrong_value(value, where, "one number, or one for each channel")
    return tuple(_number(item, where) for item in value)


def _scale(value: object, where: str) -> float:
    scale = _number(value, where)
    if scale == 0:
        raise _wrong_value(value, where, "not 0, which would make all samples the same")
    return scale


def _deviations(value: object, where: str) -> tuple[float, ...]:
    numbers = _numbers(value, where)
    if any(number <= 0 for number in numbers):
        raise _wrong_value(value, where, "above 0, since values are divided by it")
    return numbers


def _interval(value: object, where: str) -> tuple[float, float]:
    numbers = _numbers(value, where)
    if len(numbers) != 2 or numbers[0] >= numbers[1]:
        raise _wrong_value(value, where, "the lowest and the highest value: [-1, 1]")
    return numbers[0], numbers[1]


def _rate(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(value, where, "a whole number")
    if value < 1:
        raise _wrong_value(value, where, "a rate in hertz: 16000")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise _wrong_type(value, where, "a string")
    return value


def _wrong_type(value: object, where: str, wanted: str) -> WrongTypeError:
    return WrongTypeError(
        f"{where} has the wrong type.", why=f"It must be {wanted}; it is {value!r}.", fix=f"Write {wanted}."
    )


def _wrong_value(value: object, where: str, wanted: str) -> WrongValueError:
    return WrongValueError(f"{where} is {value!r}.", why=f"It must be {wanted}.", fix="Correct it.")


_READERS = {
    "resize": lambda value, where: choose(_text(value, where), Resize, where),
    "fit": lambda value, where: choose(_text(value, where), Fit, where),
    "color": lambda value, where: choose(_text(value, where), Color, where),
    "scale": _scale,
    "mean": _numbers,
    "std": _deviations,
    "sample_rate_hz": _rate,
    "label_column": _text,
    "trained_range": _interval,
}

"""Resizing and cropping images: integer arithmetic alone, so that C code on a device can give the same bytes.

The rules are written out here and not left to an imaging library: no two libraries agree, and one library's
versions need not (Pillow 13 resizes the height first where that is less work, and rounds to other bytes than
Pillow 12 there). They are those that models are trained with:

- NEAREST: output pixel i shows the input pixel under its centre, `floor((2i + 1) * in / (2 * out))`, the
  later one if that lies between two. Pillow and TensorFlow decide these ties by rounding errors.
- BILINEAR: the centre of output pixel i lies at `((2i + 1) * in - out) / (2 * out)` input pixels from the
  centre of the first; its two neighbours there (at the border twice the same) are weighted by the distance,
  in 2048ths rounded half up. The sum of four products is rounded once, half up, to a byte. It is
  tf.image.resize without antialiasing, rounded to whole bytes.
- ANTIALIAS: as Pillow's `Image.Resampling.BILINEAR` up to Pillow 12, byte for byte: a triangle that spans, on
  each side of the centre, one input pixel or as many as one output pixel covers. Its weights are computed in
  double precision and rounded to 22 bits; the width is resized first and rounded half up to bytes, then the
  height.

BILINEAR looks at four pixels only, however large the image: a photograph shrunk to a thumbnail by it is
noisy. A model that was trained on such thumbnails wants them so; for others there is ANTIALIAS.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from edgekit.samples.preprocessing import Fit, Resize

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BILINEAR_BITS = 11
_ANTIALIAS_BITS = 22


def resized(pixels: NDArray[np.uint8], height: int, width: int, how: Resize) -> NDArray[np.uint8]:
    """An image `[rows, columns, channels]` brought to `[height, width, channels]`.

    An image that has this size already stays as it is.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    if how is Resize.NEAREST:
        return pixels[_nearest(pixels.shape[0], height)][:, _nearest(pixels.shape[1], width)]
    if how is Resize.BILINEAR:
        return _bilinear(pixels, height, width)
    across = _triangle(pixels.swapaxes(0, 1), width).swapaxes(0, 1)
    return _triangle(across, height)


def cropped(pixels: NDArray[np.uint8], height: int, width: int, how: Fit) -> NDArray[np.uint8]:
    """The part of an image that is resized. CROP takes the largest one in the middle that has the proportions
    of `height` and `width`; a remainder is rounded down, and an odd border is wider at the end."""
    if how is Fit.STRETCH:
        return pixels
    rows, columns = pixels.shape[:2]
    kept_rows = min(rows, max(1, columns * height // width))
    kept_columns = min(columns, max(1, rows * width // height))
    top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
    return pixels[top : top + kept_rows, left : left + kept_columns]


def _nearest(size: int, wanted: int) -> NDArray[np.int64]:
    return (2 * np.arange(wanted) + 1) * size // (2 * wanted)


def _bilinear(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    left, right, across = _neighbours(pixels.shape[1], width)
    upper, lower, down = _neighbours(pixels.shape[0], height)
    one = 1 << _BILINEAR_BITS
    across, down = across[:, None], down[:, None, None]
    # Only the rows that are looked at; in 32 bits: 255 << 22 fits.
    top, bottom = pixels[upper].astype(np.int32), pixels[lower].astype(np.int32)
    top = top[:, left] * (one - across) + top[:, right] * across
    bottom = bottom[:, left] * (one - across) + bottom[:, right] * across
    half = 1 << (2 * _BILINEAR_BITS - 1)
    mixed = (top * (one - down) + bottom * down + half) >> (2 * _BILINEAR_BITS)
    return mixed.astype(np.uint8)


def _neighbours(size: int, wanted: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """Of each output pixel: its two input pixels, and the weight of the second in 2048ths."""
    whole = 2 * wanted
    position = (2 * np.arange(wanted) + 1) * size - wanted  # in 1 / whole input pixels
    first, rest = position // whole, position % whole
    weight = ((rest << (_BILINEAR_BITS + 1)) + whole) // (2 * whole)
    last = size - 1
    return first.clip(0, last), (first + 1).clip(0, last), weight.astype(np.int32)


def _triangle(pixels: NDArray[np.uint8], wanted: int) -> NDArray[np.uint8]:
    """The first axis resized by weights of a triangle, rounded to bytes."""
    if len(pixels) == wanted:
        return pixels
    rows = pixels.reshape(len(pixels), -1)
    out = np.empty((wanted, rows.shape[1]), np.uint8)
    for index in range(wanted):
        first, weights = triangle_weights(len(pixels), wanted, index)
        # In double precision for speed: whole numbers below 2**53, so that no order of adding rounds any.
        total = np.array(weights, np.float64) @ rows[first : first + len(weights)].astype(np.float64)
        rounded = (total.astype(np.int64) + (1 << (_ANTIALIAS_BITS - 1))) >> _ANTIALIAS_BITS
        out[index] = np.minimum(rounded, 255)
    return out.reshape(wanted, *pixels.shape[1:])


def triangle_weights(size: int, wanted: int, index: int) -> tuple[int, list[int]]:
    """Of output pixel `index` by ANTIALIAS: its first input pixel, and the weights from there on.

    The operations and their order are those of Pillow's `precompute_coeffs` (Resample.c, since Pillow 2.7).
    """
    ratio = size / wanted
    span = max(ratio, 1.0)
    centre = (index + 0.5) * ratio
    first = max(int(centre - span + 0.5), 0)
    count = min(int(centre + span + 0.5), size) - first
    inverse = 1.0 / span
    weights = [max(0.0, 1.0 - abs((first + tap - centre + 0.5) * inverse)) for tap in range(count)]
    total = 0.0
    for weight in weights:  # one after the other, as C does: `sum` of newer Pythons is more exact
        total += weight
    if total != 0.0:
        weights = [weight / total for weight in weights]
    return first, [math.floor(0.5 + weight * (1 << _ANTIALIAS_BITS)) for weight in weights]

"""Samples that are images: decoded by Pillow to bytes of red, green and blue, brought to the model's size.

A gray image has three equal channels; transparency is dropped; of an animation the first picture is taken;
a camera's note on how it was held (EXIF) is not obeyed, as training frameworks do not either. Gray is
`(19595 * red + 38470 * green + 7471 * blue + 32768) >> 16`, the luma of ITU-R BT.601.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from edgekit.errors import missing_extra
from edgekit.samples.errors import SamplesDoNotFitError, SamplesUnreadableError
from edgekit.samples.loaded import Loaded, check_size
from edgekit.samples.preprocessing import Color
from edgekit.samples.resize import cropped, resized

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edgekit.samples.folders import Listing, Progress
    from edgekit.samples.preprocessing import Preprocessing
    from edgekit.samples.samples import InputTensor

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm")
_CHANNELS = {Color.RGB: 3, Color.BGR: 3, Color.GRAY: 1}
_LUMA = np.array([19595, 38470, 7471], np.int32)
# Pillow's modes of one byte for each channel; the others hold wider values, which it would clip.
_MODES_OF_BYTES = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"})


def read_images(
    listing: Listing, tensors: Sequence[InputTensor], preprocessing: Preprocessing, progress: Progress
) -> Loaded:
    """The images of a folder, as raw bytes in the model's size and order of channels.

    Raises:
        MissingExtraError: Pillow is not installed.
        SamplesUnreadableError: an image; names it.
        SamplesDoNotFitError: the model takes no images, or of another color.
        SamplesTooLargeError: too many of them.
    """
    height, width, color = _wanted(tensors, preprocessing, str(listing.folder))
    check_size(len(listing.files), tensors, str(listing.folder))
    out = np.empty((len(listing.files), height, width, _CHANNELS[color]), np.uint8)
    for image, file in zip(out, listing.in_turn(progress), strict=True):
        pixels = cropped(decoded(file), height, width, preprocessing.fit)
        image[:] = recolored(resized(pixels, height, width, preprocessing.resize), color)
    return Loaded(
        inputs=(out,), labels=listing.labels, names=listing.names, classes=listing.classes, is_raw=True
    )


def decoded(file: Path) -> NDArray[np.uint8]:
    """An image file as `[rows, columns, 3]` bytes of red, green and blue.

    Raises:
        MissingExtraError: Pillow is not installed.
        SamplesUnreadableError: the file is damaged, no image, gigantic, or has values wider than bytes.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise missing_extra("Images cannot be read.", "pillow", "samples") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                if image.mode not in _MODES_OF_BYTES:
                    raise ValueError(f"its values are of Pillow's mode {image.mode}, and not bytes")
                # By way of RGBA, since Pillow warns of a palette with transparency that goes straight to RGB.
                whole = image.convert("RGBA") if image.mode in ("P", "PA") else image
                return np.asarray(whole.convert("RGB"))
    # Whatever Pillow's many readers trip over in a hostile file is a damaged file to the user.
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise SamplesUnreadableError(
            f"{file} cannot be read as an image.",
            why=f"{reason}.",
            fix="Delete it, or save it again as a PNG of 8 bits for each channel.",
        ) from error


def recolored(pixels: NDArray[np.uint8], color: Color) -> NDArray[np.uint8]:
    """Red, green and blue in the order and number that the model takes."""
    if color is Color.RGB:
        return pixels
    if color is Color.BGR:
        return pixels[..., ::-1]
    return ((pixels.astype(np.int32) @ _LUMA + 32768) >> 16).astype(np.uint8)[..., None]


def _wanted(
    tensors: Sequence[InputTensor], preprocessing: Preprocessing, source: str
) -> tuple[int, int, Color]:
    if len(tensors) != 1:
        raise SamplesDoNotFitError(
            f"{source} has images, and the model has {len(tensors)} inputs.",
            why="A folder of images is for a model of one input.",
            fix="Save a .npz with an array for each input.",
        )
    shape = tensors[0].shape[1:]
    height, width, channels = shape if len(shape) == 3 else (*shape, 1) if len(shape) == 2 else (0, 0, 0)
    color = preprocessing.color or {1: Color.GRAY, 3: Color.RGB}.get(channels)
    if color is None or _CHANNELS[color] != channels:
        raise SamplesDoNotFitError(
            f"{source} has images, and the input {tensors[0].name!r} takes {list(shape)} for each sample.",
            why=f"An image has rows, columns and {_CHANNELS[color] if color else '1 or 3'} channels, "
            "the channels last.",
            fix="Correct 'color' in [preprocess], or save what the model takes as a .npz.",
        )
    return height, width, color

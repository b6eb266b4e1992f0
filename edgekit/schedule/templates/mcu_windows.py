"""Convolutions as microcontrollers' shared kernels see them: runs of bytes, and the fields of a layer.

What an output pixel reads are runs of bytes that lie side by side: a row of the filter, or one of its taps
where columns lie apart. The C is in edgekit/kernels/mcu/convolution.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.schedule.lead import Step
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edgekit.compute.convolution import Convolution

TAPS = 4  # of a word of activations
PIXELS = 3  # of a tile of kernels with DSP instructions or MVE
_INT8_LIMIT, _INT16_LIMIT = 1 << 7, 1 << 15


# ------------------------------------------------------------------------------------ runs of taps


def runs_of(load: Convolution) -> tuple[int, int]:
    """Runs of a row of the filter, and the pixels in each: one run, unless its columns lie apart."""
    window = load.window
    return (window.kernel_w, 1) if window.dilation_w > 1 else (1, window.kernel_w)


def is_direct(load: Convolution) -> bool:
    """Whether all that a window reads lies side by side, inside the input."""
    window = load.window
    runs, _ = runs_of(load)
    one_run = window.kernel_h == 1 or (window.kernel_w == load.width and window.dilation_h == 1)
    return load.reads_input and runs == 1 and one_run


def run_words(load: Convolution) -> int:
    """Of a run, the last one filled up."""
    _, pixels = runs_of(load)
    return round_up(pixels * load.in_channels, TAPS) // TAPS


def padded_run_bytes(load: Convolution) -> int:
    """Of memory for a run that leaves the input, or whose last word does; 0 where none can."""
    _, pixels = runs_of(load)
    whole_words = pixels * load.in_channels == run_words(load) * TAPS
    return 0 if load.reads_input and whole_words else run_words(load) * TAPS


def padded_taps(load: Convolution) -> int:
    """Taps of a window, each run padded to whole words."""
    runs, _ = runs_of(load)
    return load.window.kernel_h * runs * run_words(load) * TAPS


def pad_runs(weights: NDArray[np.int8], load: Convolution) -> NDArray[np.int8]:
    """[channel, tap] with zeros behind each run."""
    runs, pixels = runs_of(load)
    length = pixels * load.in_channels
    split = weights.reshape(len(weights), load.window.kernel_h * runs, length)
    padded = np.pad(split, ((0, 0), (0, 0), (0, run_words(load) * TAPS - length)))
    return padded.reshape(len(weights), -1)


# ---------------------------------------------------------------------------------------- layer


def layer_fields(load: Convolution, *, reads_words: bool = False) -> dict[str, int]:
    """The fields of `ek_convolution_layer`, in their order.

    If the kernel `reads_words`, the last one of a run may take in pixels behind it.
    """
    window, how = load.window, load.requantization
    runs, run_taps = runs_of(load)
    filling = run_words(load) * TAPS - run_taps * load.in_channels if reads_words else 0
    behind = round_up(filling, load.in_channels) // load.in_channels
    left, right = _inner(load.width - behind, load.out_width, load, vertical=False)
    top, bottom = _inner(load.height, load.out_height, load, vertical=True)
    return {
        "width": load.width,
        "out_width": load.out_width,
        "inner_left": left,
        "inner_right": right,
        "images": load.batch,
        "height": load.height,
        "out_height": load.out_height,
        "inner_top": top,
        "inner_bottom": bottom,
        "out_channels": load.out_channels,
        "pixel_bytes": load.in_channels,
        "kernel_h": window.kernel_h,
        "runs": runs,
        "run_taps": run_taps,
        "run_words": run_words(load),
        "words": padded_taps(load) // TAPS,
        "is_direct": int(is_direct(load)),
        "stride_h": window.stride_h,
        "stride_w": window.stride_w,
        "dilation_h": window.dilation_h,
        "dilation_w": window.dilation_w,
        "pad_top": window.pad_top,
        "pad_left": window.pad_left,
        "pad_value": load.pad_value,
        "zero_point": how.zero_point,
        "low": how.low,
        "high": how.high,
    }


_WIDE_FIELDS, _SHORT_FIELDS = 4, 12  # of int32_t, then of int16_t; the rest are int8_t


def fields_fit(load: Convolution) -> bool:
    """Whether every field is within its type in kernels/mcu/convolution.h."""
    fields = list(layer_fields(load).values())
    return all(value < _INT16_LIMIT for value in fields[_WIDE_FIELDS : _WIDE_FIELDS + _SHORT_FIELDS]) and all(
        value < _INT8_LIMIT for value in fields[_WIDE_FIELDS + _SHORT_FIELDS :]
    )


def _axis(load: Convolution, *, vertical: bool) -> tuple[int, int, int, int]:
    """Taps, stride, dilation and padding of a window along one axis."""
    window = load.window
    if vertical:
        return window.kernel_h, window.stride_h, window.dilation_h, window.pad_top
    return window.kernel_w, window.stride_w, window.dilation_w, window.pad_left


def _inner(size: int, out_size: int, load: Convolution, *, vertical: bool) -> tuple[int, int]:
    """The first position of a window that is inside the input, and the first one after that which is not."""
    taps, stride, dilation, pad = _axis(load, vertical=vertical)
    first = -(-pad // stride)
    last = (size + pad - (taps - 1) * dilation - 1) // stride
    return first, max(first, min(last + 1, out_size))


# ------------------------------------------------------------------------------------------ lead


def steps_of(load: Convolution, pixels_of_tile: int = PIXELS) -> Iterator[Step]:
    """What a tile of pixels reads and writes: see schedule/lead.py. Tiles go on from row to row."""
    rows = _first_inside(load.height, load.out_height, load, vertical=True)
    columns = _first_inside(load.width, load.out_width, load, vertical=False)
    pixels = load.out_height * load.out_width
    for image in range(load.batch):
        for first in range(0, pixels, pixels_of_tile):
            end = min(first + pixels_of_tile, pixels)
            lowest = None
            for row, column in (divmod(pixel, load.out_width) for pixel in range(first, end)):
                y, x = rows[row], columns[column]
                if y is not None and x is not None:
                    at = ((image * load.height + y) * load.width + x) * load.in_channels
                    lowest = at if lowest is None else min(lowest, at)
            yield Step(lowest, (image * pixels + end) * load.out_channels)


def _first_inside(size: int, out_size: int, load: Convolution, *, vertical: bool) -> list[int | None]:
    """For each position of a window, the first of its taps that is inside the input."""
    taps, stride, dilation, pad = _axis(load, vertical=vertical)
    starts = (position * stride - pad for position in range(out_size))
    return [
        next((at for at in range(start, start + taps * dilation, dilation) if 0 <= at < size), None)
        for start in starts
    ]

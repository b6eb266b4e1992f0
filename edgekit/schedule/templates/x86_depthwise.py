"""Depthwise convolution by rows on x86: a hand-written micro-kernel computes whole rows of output pixels.

The micro-kernels (edgekit/kernels/x86/depthwise_row_vnni.h) take vectors of 16 channels and interleave 4
taps of each. The last vector may overlap the one before it, so that only fewer than 16 channels need
padding. An input channel with several filters is repeated first.

Parameters: `filter`, which taps are interleaved, and how far the filter may move.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from edgekit.schedule.cpu import X86Kernel
from edgekit.schedule.template import Job, Parameters, Template
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.x86_depthwise_rows import depthwise_rows
from edgekit.schedule.templates.x86_form import x86_form
from edgekit.schedule.tiles import overlapping_starts, round_up

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.cpu import CpuClass
    from edgekit.schedule.scheduled import Scheduled

_LANES = 16
_TAPS = 4  # interleaved


@dataclasses.dataclass(frozen=True)
class _Filter:
    """The instances for a kind of filter: `moves` columns from pixel to pixel, or any number (0)."""

    name: str
    moves: int
    columns: int = 0  # interleaved ones that the taps of a pixel may reach: a multiple of 4

    @property
    def widest(self) -> int:
        """Taps that fit, wherever a pixel begins; wider filters are computed in parts."""
        return self.columns - _TAPS + self.moves


_3X3 = {1: _Filter("3x3_by_1", 1), 2: _Filter("3x3_by_2", 2)}
_SLIDING = {
    moves: [_Filter(f"{columns}_by_{moves}", moves, columns) for columns in (4, 8, 12)] for moves in (1, 2)
}
_ANY = _Filter("any", 0)


def _fits(_job: Job, cpu: CpuClass) -> bool:
    return cpu.x86_kernel is X86Kernel.VNNI


def _space(job: Job, _cpu: CpuClass) -> tuple[Parameters, ...]:
    return tuple(Parameters(filter=kind.name) for kind in _filters(flatten_pixels(job.workload)))


def _apply(job: Job, cpu: CpuClass, parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)
    kind = next(kind for kind in _filters(load) if kind.name == parameters["filter"])
    function = f"ek_depthwise_row_{cpu.x86_kernel}_{kind.name}_{x86_form(load.requantization)}"
    vectors = _vectors(load, kind)
    packed_bytes = round_up(load.out_channels, _LANES) * len(vectors) * _TAPS
    return depthwise_rows(
        load, function, packed_bytes, _LANES, lambda weights: pack_weights(weights, load, vectors)
    )


X86_DEPTHWISE = Template(
    name="x86_depthwise", kind="depthwise", version=2, fits=_fits, space=_space, apply=_apply
)


def _filters(load: Convolution) -> Iterable[_Filter]:
    """The instances that may compute a convolution, the best first."""
    window = load.window
    moves = window.taps_by_pixel
    if window.kernel_h == window.kernel_w == 3 and moves in _3X3:
        yield _3X3[moves]
    if moves in _SLIDING:
        sliding = _SLIDING[moves]
        yield next((kind for kind in sliding if window.kernel_w <= kind.widest), sliding[-1])
    yield _ANY


# ---------------------------------------------------------------------------------------- packing


def _vectors(load: Convolution, kind: _Filter) -> list[list[tuple[int, int]]]:
    """The taps (row, column) of every vector of weights; those outside the filter are padding."""
    window = load.window
    if kind in _3X3.values():
        return [[(tap, column) for tap in range(_TAPS)] for column in range(window.kernel_w)]
    if kind.moves == 0:
        starts = range(0, window.kernel_w, _TAPS)
        return [[(y, x + tap) for tap in range(_TAPS)] for y in range(window.kernel_h) for x in starts]
    return [
        [
            (y, column if first <= column < first + kind.widest and column >= 0 else -1)
            for column in range(first + four - begin, first + four - begin + _TAPS)
        ]
        for y in range(window.kernel_h)
        for first in range(0, window.kernel_w, kind.widest)
        for begin in range(0, _TAPS, kind.moves)
        for four in range(0, kind.columns, _TAPS)
    ]


def pack_weights(
    weights: NDArray[np.int8], load: Convolution, vectors: list[list[tuple[int, int]]]
) -> NDArray[np.int8]:
    """[kernel_h, kernel_w, channel] to [block of 16 channels, vector, lane, 4 taps]; all blocks whole."""
    window, channels = load.window, load.out_channels
    whole = weights.reshape(window.kernel_h, window.kernel_w, channels)
    if channels < _LANES:
        whole = np.pad(whole, ((0, 0), (0, 0), (0, _LANES - channels)))
    starts = overlapping_starts(channels, _LANES)
    packed = np.zeros((len(starts), len(vectors), _LANES, _TAPS), np.int8)
    for block, start in enumerate(starts):
        for vector, taps in enumerate(vectors):
            for tap, (y, x) in enumerate(taps):
                if 0 <= y < window.kernel_h and 0 <= x < window.kernel_w:
                    packed[block, vector, :, tap] = whole[y, x, start : start + _LANES]
    return packed.reshape(-1)

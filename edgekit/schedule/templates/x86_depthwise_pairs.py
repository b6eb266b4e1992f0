"""Depthwise convolution by rows on x86 with AVX2: a hand-written micro-kernel computes whole rows of output.

The micro-kernels (edgekit/kernels/x86/depthwise_row_avx2.h) take vectors of 8 channels and interleave 2 rows
of the filter. The last vector may overlap the one before it, so that only fewer than 8 channels need
padding. An input channel with several filters is repeated first.

Parameters: `filter`, how many columns of the filter a part has, and how far it may move.
"""

from __future__ import annotations

import dataclasses
import math
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

_LANES = 8
_TAPS = 2  # interleaved: rows of the filter


@dataclasses.dataclass(frozen=True)
class _Part:
    """Instances that compute `columns` of a filter at a time, which `moves` columns from pixel to pixel."""

    columns: int
    moves: int

    @property
    def name(self) -> str:
        return f"{self.columns}_by_{self.moves or 'any'}"


_ANY = _Part(1, 0)
_SHARING = {moves: (_Part(5, moves), _Part(3, moves)) for moves in (1, 2)}  # pixels share columns


def _fits(_job: Job, cpu: CpuClass) -> bool:
    return cpu.x86_kernel is X86Kernel.AVX2


def _space(job: Job, _cpu: CpuClass) -> tuple[Parameters, ...]:
    return tuple(Parameters(filter=part.name) for part in _parts(flatten_pixels(job.workload)))


def _apply(job: Job, cpu: CpuClass, parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)
    part = next(part for part in _parts(load) if part.name == parameters["filter"])
    function = f"ek_depthwise_row_{cpu.x86_kernel}_{part.name}_{x86_form(load.requantization)}"
    packed_bytes = round_up(load.out_channels, _LANES) * math.prod(_padded_filter(load, part))
    return depthwise_rows(
        load, function, packed_bytes, _LANES, lambda weights: _pack_weights(weights, load, part)
    )


X86_DEPTHWISE_PAIRS = Template(
    name="x86_depthwise_pairs", kind="depthwise", version=1, fits=_fits, space=_space, apply=_apply
)


def _parts(load: Convolution) -> Iterable[_Part]:
    """The instances that may compute a convolution, the best first."""
    window = load.window
    if window.kernel_w > 1 and window.taps_by_pixel in _SHARING:
        yield min(_SHARING[window.taps_by_pixel], key=lambda part: round_up(window.kernel_w, part.columns))
    yield _ANY


def _padded_filter(load: Convolution, part: _Part) -> tuple[int, int]:
    """Rows and columns of the filter as it is packed."""
    return round_up(load.window.kernel_h, _TAPS), round_up(load.window.kernel_w, part.columns)


def _pack_weights(weights: NDArray[np.int8], load: Convolution, part: _Part) -> NDArray[np.int8]:
    """[kernel_h, kernel_w, channel] to [block of 8 channels][2 rows][column][8][2]; all blocks whole."""
    window, channels = load.window, load.out_channels
    rows, columns = _padded_filter(load, part)
    taps = np.zeros((rows, columns, max(channels, _LANES)), np.int8)
    taps[: window.kernel_h, : window.kernel_w, :channels] = weights.reshape(
        window.kernel_h, window.kernel_w, channels
    )
    starts = overlapping_starts(channels, _LANES)
    blocks = np.stack([taps[:, :, start : start + _LANES] for start in starts])
    pairs = blocks.reshape(len(starts), rows // _TAPS, _TAPS, columns, _LANES)
    return np.ascontiguousarray(pairs.transpose(0, 1, 3, 4, 2)).reshape(-1)

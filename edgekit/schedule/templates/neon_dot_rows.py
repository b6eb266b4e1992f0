"""Convolution on ARM with dot products: by kernels/neon/convolution_row_dot.h.

Parameters: `pixels` and `channels` per tile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.neon_runs import (
    Family,
    is_convolution_by_rows,
    is_mostly_real,
    row_pixels,
    schedule_runs,
)
from edgekit.schedule.templates.row_form import row_form
from edgekit.schedule.tiles import round_up

if TYPE_CHECKING:
    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.scheduled import Scheduled

_FAMILY = Family(unit=4, unit_cost=5, tile_cost=80, most_pixels=4)


def fits_dot_rows(load: Convolution) -> bool:
    """Whether the micro-kernel can compute a convolution, and does so in fewer instructions."""
    if not is_convolution_by_rows(load):
        return False
    return is_mostly_real(_FAMILY.cheapest(flatten_pixels(load), _tile_channels(load.out_channels))[0])


def schedule_dot_rows(load: Convolution) -> Scheduled:
    """The kernel of a convolution that `fits_dot_rows`."""
    load = flatten_pixels(load)
    runs, patches = _FAMILY.cheapest(load, _tile_channels(load.out_channels))
    pixels = _FAMILY.tile_pixels(row_pixels(load, patches))
    function = f"ek_convolution_row_dot_{pixels}x{runs.channels}_{row_form(load.requantization)}"
    return schedule_runs(load, runs, patches, function)


def _tile_channels(channels: int) -> int:
    """Output channels of a tile: of 16 and 8, whichever pads less."""
    return min((16, 8), key=lambda tile: round_up(channels, tile))

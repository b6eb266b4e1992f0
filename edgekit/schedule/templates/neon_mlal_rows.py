"""Convolution on ARM without dot products: by kernels/neon/convolution_row_mlal.h, in int16 products.

Parameters: `pixels` per tile.
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

if TYPE_CHECKING:
    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.scheduled import Scheduled

_FAMILY = Family(unit=16, unit_cost=15, tile_cost=70, most_pixels=4)
_CHANNELS = 4


def fits_mlal_rows(load: Convolution, *, lowest_weight: int) -> bool:
    """Whether the micro-kernel can compute a convolution, and does so in fewer instructions.

    Two products of a weight of -128 may not fit the int16 that they are added in.
    """
    if lowest_weight == -128 or not is_convolution_by_rows(load):
        return False
    return is_mostly_real(_FAMILY.cheapest(flatten_pixels(load), _CHANNELS)[0])


def schedule_mlal_rows(load: Convolution) -> Scheduled:
    """The kernel of a convolution that `fits_mlal_rows`."""
    load = flatten_pixels(load)
    runs, patches = _FAMILY.cheapest(load, _CHANNELS)
    pixels = _FAMILY.tile_pixels(row_pixels(load, patches))
    function = f"ek_convolution_row_mlal_{pixels}_{row_form(load.requantization)}"
    return schedule_runs(load, runs, patches, function)

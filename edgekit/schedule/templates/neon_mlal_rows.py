"""Convolution on ARM without dot products: by kernels/neon/convolution_row_mlal.h, in int16 products.

Parameters: `pixels` per tile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.schedule.cpu import RowKernel
from edgekit.schedule.template import Job, Parameters, Template, one_point
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
    from edgekit.schedule.cpu import CpuClass
    from edgekit.schedule.scheduled import Scheduled

_FAMILY = Family(unit=16, unit_cost=15, tile_cost=70, most_pixels=4)
_CHANNELS = 4


def _fits(job: Job, cpu: CpuClass) -> bool:
    """Two products of a weight of -128 may not fit the int16 that they are added in."""
    load = job.workload
    if cpu.row_kernel is not RowKernel.MLAL or job.lowest_weight == -128 or not is_convolution_by_rows(load):
        return False
    return is_mostly_real(_FAMILY.cheapest(flatten_pixels(load), _CHANNELS)[0])


def _apply(job: Job, _cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)
    runs, patches = _FAMILY.cheapest(load, _CHANNELS)
    pixels = _FAMILY.tile_pixels(row_pixels(load, patches))
    function = f"ek_convolution_row_mlal_{pixels}_{row_form(load.requantization)}"
    return schedule_runs(load, runs, patches, function)


MLAL_ROWS = Template(
    name="neon_mlal_rows", kind="convolution", version=1, fits=_fits, space=one_point, apply=_apply
)

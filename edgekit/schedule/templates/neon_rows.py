"""Convolution on ARM by the micro-kernels of edgekit/kernels/neon: which one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.schedule.cpu import RowKernel
from edgekit.schedule.templates.neon_dot_rows import fits_dot_rows, schedule_dot_rows
from edgekit.schedule.templates.neon_mlal_rows import fits_mlal_rows, schedule_mlal_rows

if TYPE_CHECKING:
    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.scheduled import Scheduled


def fits_rows(load: Convolution, kernel: RowKernel, *, lowest_weight: int) -> bool:
    """Whether a micro-kernel can compute a convolution, and does so in fewer instructions."""
    if kernel is RowKernel.DOT:
        return fits_dot_rows(load)
    return fits_mlal_rows(load, lowest_weight=lowest_weight)


def schedule_convolution_rows(load: Convolution, kernel: RowKernel) -> Scheduled:
    """The kernel of a convolution that `fits_rows`."""
    return schedule_dot_rows(load) if kernel is RowKernel.DOT else schedule_mlal_rows(load)

"""Convolution by rows on x86: a hand-written micro-kernel computes whole rows of output pixels.

As convolution_rows.py, with the micro-kernels of edgekit/kernels/x86. They multiply units of 4 bytes
(AVX512-VNNI) or pairs (AVX2), so that nearly all of a run is real.

Parameters: `pixels` and `channels` per tile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tvm import te

from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Job, Parameters, Template
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.convolution_rows import Runs, row_expressions
from edgekit.schedule.templates.padding import vectorize_function_padding
from edgekit.schedule.templates.x86_tiles import OVERREAD_BYTES, family_of, function_name, packers, tiles

if TYPE_CHECKING:
    from edgekit.compute.convolution import Convolution
    from edgekit.schedule.cpu import CpuClass

_LEAST_PIXELS = 8  # of a thread's part of a row


def _fits(job: Job, cpu: CpuClass) -> bool:
    load = job.workload
    return cpu.x86_kernel is not None and load.groups == 1 and load.window.dilation_w == 1


def _space(job: Job, cpu: CpuClass) -> tuple[Parameters, ...]:
    load = flatten_pixels(job.workload)
    depth = load.window.kernel_h * load.window.kernel_w * load.in_channels
    return tuple(tiles(cpu, load.out_width, load.out_channels, depth))


def _apply(job: Job, cpu: CpuClass, parameters: Parameters) -> Scheduled:
    load = flatten_pixels(job.workload)
    runs = _runs(load, cpu, parameters)
    expressions = row_expressions(load, runs, function_name(cpu, parameters, load))
    return Scheduled(
        vectorize_function_padding(te.create_prim_func(expressions)),
        packers(cpu, load, runs),
        kernels="x86",
        overread_bytes=OVERREAD_BYTES,
    )


X86_ROWS = Template(name="x86_rows", kind="convolution", version=5, fits=_fits, space=_space, apply=_apply)


def _runs(load: Convolution, cpu: CpuClass, parameters: Parameters) -> Runs:
    window, family = load.window, family_of(cpu)
    _, width = load.plane
    return Runs(
        segments=window.kernel_h,
        length=window.kernel_w * load.in_channels,
        stride=width * load.in_channels * window.dilation_h,
        pixel_stride=window.stride_w * load.in_channels,
        unit=family.unit,
        is_counted_in_bytes=family.weights_offset != 0,
        channels=parameters.number("channels"),
        least_pixels=max(_LEAST_PIXELS, parameters.number("pixels")),
    )

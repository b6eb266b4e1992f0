"""Pooling, and sums and means of columns, on microcontrollers: by four channels, as words if the core can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekit.artifacts import SharedKernel
from edgekit.compute.column_sum import ColumnSum
from edgekit.compute.pooling import Pooling
from edgekit.schedule.cpu import McuKernel
from edgekit.schedule.lead import Step, lead_of_steps
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Job, Parameters, Template, one_point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgekit.schedule.cpu import CpuClass

_CHANNELS = 4
_INT16_LIMIT = 1 << 15
_SUM_LIMIT = 1 << 30  # twice a sum must fit an int32
_MOST_RIGHT = 22  # a zero point shifted by so much leaves room for a sum


def shared_kernel(workload: Any, core: McuKernel) -> SharedKernel | None:
    """The kernel of a workload on a core, if there is one."""
    match workload:
        case Pooling(channels=channels) if channels >= _CHANNELS:
            fields = _pooling_fields(workload)
            return _pooling(workload, fields, core) if max(fields.values()) < _INT16_LIMIT else None
        case ColumnSum(channels=channels) if channels >= _CHANNELS:
            right = -workload.factor.shift
            is_scalable = 1 <= right <= _MOST_RIGHT and workload.bound < _SUM_LIMIT
            return _mean(workload, right, core) if is_scalable else None
        case _:
            return None


def _pooling(load: Pooling, fields: dict[str, int], core: McuKernel) -> SharedKernel:
    name = "average_pool" if load.is_average else "max_pool"
    return SharedKernel(
        function=f"ek_{name}{_suffix(core)}",
        struct="ek_pooling_layer",
        fields=fields,
        sources=("pooling_plain.c" if core is McuKernel.PLAIN else f"{name}.c",),
        header="pooling.h",
        lead_bytes=lead_of_steps(_pooling_steps(load)),
    )


def _pooling_fields(load: Pooling) -> dict[str, int]:
    window = load.window
    return {
        "images": load.batch,
        "height": load.height,
        "width": load.width,
        "channels": load.channels,
        "out_height": load.out_height,
        "out_width": load.out_width,
        "kernel_h": window.kernel_h,
        "kernel_w": window.kernel_w,
        "stride_h": window.stride_h,
        "stride_w": window.stride_w,
        "pad_top": window.pad_top,
        "pad_left": window.pad_left,
        "low": load.low,
        "high": load.high,
    }


def _pooling_steps(load: Pooling) -> Iterator[Step]:
    """As if each pixel were written before it is read: its channels are written four by four."""
    window = load.window
    pixel = 0
    for image in range(load.batch):
        for y in range(load.out_height):
            top = max(0, y * window.stride_h - window.pad_top)
            for x in range(load.out_width):
                left = max(0, x * window.stride_w - window.pad_left)
                pixel += 1
                yield Step(None, pixel * load.channels)
                yield Step(((image * load.height + top) * load.width + left) * load.channels, 0)


def _suffix(core: McuKernel) -> str:
    return "_plain" if core is McuKernel.PLAIN else ""


def _mean(load: ColumnSum, right: int, core: McuKernel) -> SharedKernel:
    return SharedKernel(
        function=f"ek_mean{_suffix(core)}",
        struct="ek_mean_layer",
        fields={
            "count": load.count,
            "channels": load.channels,
            "offset": load.offset,
            "multiplier": load.factor.multiplier,
            "rounding": (load.zero_point << right) + (1 << (right - 1)),
            "right": right,
        },
        sources=("mean.c",),
        header="pooling.h",
        lead_bytes=load.channels,  # the first columns are written before the last ones are read
    )


def _fits(job: Job, cpu: CpuClass) -> bool:
    return cpu.mcu is not None and shared_kernel(job.workload, cpu.mcu) is not None


def _apply(job: Job, cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    assert cpu.mcu is not None
    return Scheduled(None, shared=shared_kernel(job.workload, cpu.mcu))


MCU_REDUCTION = Template(
    name="mcu_reduction_shared",
    kind="reduction",
    version=1,
    fits=_fits,
    space=one_point,
    apply=_apply,
)

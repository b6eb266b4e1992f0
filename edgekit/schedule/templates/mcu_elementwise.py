"""Operators on single elements on microcontrollers: sums, tables, floats to integers and back, copies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.artifacts import SharedKernel
from edgekit.compute.arithmetic import ScaledSum
from edgekit.compute.fast_sum import NarrowSum, narrow_sum
from edgekit.compute.lookup import Lookup
from edgekit.compute.movement import RowCopy
from edgekit.compute.quantize import Dequantization, FloatQuantization
from edgekit.schedule.lead import lead_of_pixels
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.template import Job, Parameters, Template, one_point

if TYPE_CHECKING:
    from edgekit.schedule.cpu import CpuClass

_FLOAT_BYTES = 4


def _kernel(job: Job) -> SharedKernel | None:
    """What computes a job, if anything does."""
    count = math.prod(int(size) for size in job.function.params[-1].ty.shape)
    return shared_kernel(job.workload, count)


def shared_kernel(workload: Any, count: int) -> SharedKernel | None:
    """The kernel of a workload of so many elements, if there is one."""
    match workload:
        case ScaledSum():
            narrow = narrow_sum(workload)
            return None if narrow is None else _sum_kernel(narrow, count)
        case Lookup("int8", "int8"):
            return _elementwise("lookup", "lookup", {"count": count})
        case FloatQuantization(scale, zero_point, "int8"):
            return _elementwise("quantize", "quantize", _scale_fields(scale, zero_point, count))
        case Dequantization(scale, zero_point, "int8"):
            lead = lead_of_pixels(count, 1, _FLOAT_BYTES)
            return _elementwise("dequantize", "quantize", _scale_fields(scale, zero_point, count), lead)
        case RowCopy(rows, row_bytes, begin, step):
            fields = {"rows": rows, "row_bytes": row_bytes, "begin": begin, "step": step}
            return _elementwise("copy", "copy", fields)
        case _:
            return None


def _sum_kernel(narrow: NarrowSum, count: int) -> SharedKernel:
    first, second = narrow.multipliers
    fields = {
        "first": first,
        "second": second,
        "offset": narrow.offset,
        "count": count,
        "shift": narrow.shift,
        "low": narrow.low,
        "high": narrow.high,
    }
    return _elementwise("sum", "sum", fields)


def _scale_fields(scale: float, zero_point: int, count: int) -> dict[str, int]:
    return {"count": count, "scale_bits": int(np.float32(scale).view(np.int32)), "zero_point": zero_point}


def _elementwise(name: str, family: str, fields: dict[str, int], lead: int = 0) -> SharedKernel:
    return SharedKernel(
        function=f"ek_{name}",
        struct=f"ek_{family}_layer",
        fields=fields,
        sources=(f"{family}.c",),
        header="elementwise.h",
        lead_bytes=lead,
    )


def _apply(job: Job, _cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    return Scheduled(None, shared=_kernel(job))


MCU_ELEMENTWISE = Template(
    name="mcu_elementwise_shared",
    kind="elementwise",
    version=1,
    fits=lambda job, cpu: cpu.mcu is not None and _kernel(job) is not None,
    space=one_point,
    apply=_apply,
)

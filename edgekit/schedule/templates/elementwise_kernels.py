"""Elementwise operators by micro-kernels: sums, and on 64-bit ARM quantized reals and look-ups too.

They are kernels/neon/elementwise.c and, for sums by products of pairs, kernels/x86/elementwise_*.c.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from tvm import te, tirx

from edgekit.compute.arithmetic import ScaledSum
from edgekit.compute.fast_sum import PairSum, fast_sum, pair_sum
from edgekit.compute.lookup import Lookup
from edgekit.compute.quantize import FloatQuantization
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.sharing import shared_span
from edgekit.schedule.template import Job, Parameters, Template, one_point
from edgekit.schedule.templates.micro_kernels import calling_stage

if TYPE_CHECKING:
    from edgekit.schedule.cpu import CpuClass

_LEAST_ELEMENTS = 32  # fewer are not worth loading constants for
_SHARED_ELEMENTS = 256  # at least, for a thread


@dataclasses.dataclass(frozen=True)
class _Call:
    """A micro-kernel: a call takes its operands, the result, how many elements, and numbers."""

    function: str
    elementwise: int  # operands that are read element by element, the first ones; others are tables
    numbers: tuple[Any, ...]


def is_elementwise_kernel(job: Job, cpu: CpuClass) -> bool:
    """Whether a micro-kernel computes a job."""
    return _elements(job) >= _LEAST_ELEMENTS and _call(job.workload, cpu) is not None


def _call(workload: Any, cpu: CpuClass) -> _Call | None:
    if cpu.is_aarch64:
        return _neon_call(workload)
    if cpu.x86_kernel is not None and isinstance(workload, ScaledSum):
        pairs = pair_sum(workload)
        return None if pairs is None else _Call(f"ek_add_{cpu.x86_kernel}", 2, _pair_numbers(pairs))
    return None


def _neon_call(workload: Any) -> _Call | None:
    match workload:
        case ScaledSum():
            fast = fast_sum(workload)
            if fast is None:
                return None
            return _Call("ek_add", 2, (*fast.multipliers, fast.offset, fast.shift, fast.low, fast.high))
        case FloatQuantization(scale, zero_point, "int8"):
            return _Call("ek_quantize", 1, (tirx.const(scale, "float32"), zero_point))
        case Lookup("int8", "int8"):
            return _Call("ek_lookup", 1, ())
        case _:
            return None


def _pair_numbers(pairs: PairSum) -> tuple[int, ...]:
    shift = pairs.shift - pairs.LOWER_BITS
    return (*pairs.lower, *pairs.upper, pairs.offset, shift, pairs.zero_point, pairs.low, pairs.high)


def _elements(job: Job) -> int:
    return math.prod(int(size) for size in job.function.params[-1].ty.shape)


def _apply(job: Job, cpu: CpuClass, _parameters: Parameters) -> Scheduled:
    call = _call(job.workload, cpu)
    assert call is not None
    *types, result = (parameter.ty for parameter in job.function.params)
    reads = [
        te.placeholder([math.prod(int(size) for size in operand.shape)], str(operand.dtype), f"x{position}")
        for position, operand in enumerate(types)
    ]
    out = calling_stage(
        reads,
        {"out": (_elements(job),)},
        lambda inputs, outputs: _body(inputs, outputs[0], call),
        dtype=str(result.dtype),
    )
    return Scheduled(te.create_prim_func([*reads, out]), kernels="neon" if cpu.is_aarch64 else "x86")


def _body(inputs: list[Any], out: Any, call: _Call) -> Any:
    first, count = shared_span(int(out.shape[0]), _SHARED_ELEMENTS)
    return tirx.Evaluate(
        tirx.call_extern(
            "void",
            call.function,
            *(
                tirx.address_of(operand[first if position < call.elementwise else 0])
                for position, operand in enumerate(inputs)
            ),
            tirx.address_of(out[first]),
            count,
            *call.numbers,
        )
    )


NEON_ELEMENTWISE = Template(
    name="neon_elementwise",
    kind="elementwise",
    version=1,
    fits=lambda job, cpu: cpu.is_aarch64 and is_elementwise_kernel(job, cpu),
    space=one_point,
    apply=_apply,
)
X86_ELEMENTWISE = Template(
    name="x86_elementwise",
    kind="elementwise",
    version=1,
    fits=lambda job, cpu: cpu.x86_kernel is not None and is_elementwise_kernel(job, cpu),
    space=one_point,
    apply=_apply,
)

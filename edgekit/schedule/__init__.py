"""Stage 5: canonical kernels become scheduled ones, and constants take the layout those read."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import tvm

from edgekit.artifacts import TunedModule
from edgekit.schedule.cpu import CpuClass, cpu_class
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.templates.convolution import schedule_convolution
from edgekit.schedule.templates.depthwise import schedule_depthwise
from edgekit.schedule.templates.depthwise_rows import fits_depthwise_rows, schedule_depthwise_rows
from edgekit.schedule.templates.elementwise import schedule_elementwise
from edgekit.schedule.templates.neon_rows import fits_rows, schedule_convolution_rows
from edgekit.schedule.templates.reduction import schedule_reduction
from edgekit.schedule.templates.x86_rows import fits_x86_rows, schedule_x86_rows

if TYPE_CHECKING:
    from edgekit.artifacts import KernelCall, LoweredModule
    from edgekit.target import Target

__all__ = ["schedule"]

_KEPT = ("edgekit.template", "edgekit.in_place")  # attributes that a template's new kernel takes over


def schedule(lowered: LoweredModule, target: Target) -> TunedModule:
    """Schedule every kernel for a target by its template, untuned.

    Calls that share a kernel share its schedule; their constants are packed one by one.
    """
    cpu = cpu_class(target)
    scheduled: dict[str, Scheduled] = {}
    constants = dict(lowered.constants)
    calls = []
    for call in lowered.calls:
        if call.kernel not in scheduled:
            scheduled[call.kernel] = _apply(lowered, call, cpu)
        calls.append(_pack(call, scheduled[call.kernel], constants))
    used = {name for call in calls for name in call.reads}
    return TunedModule(
        lowered=lowered,
        target=target,
        module=tvm.IRModule({name: kernel.function for name, kernel in scheduled.items()}),
        calls=tuple(calls),
        constants={name: array for name, array in constants.items() if name in used},
        kernels=tuple(sorted({kernel.kernels for kernel in scheduled.values() if kernel.kernels})),
        overread_bytes=max((kernel.overread_bytes for kernel in scheduled.values()), default=0),
    )


def _apply(lowered: LoweredModule, call: KernelCall, cpu: CpuClass) -> Scheduled:
    function = lowered.module[call.kernel]
    template = str(function.attrs["edgekit.template"])
    match template:
        case "convolution" if cpu.row_kernel is not None and fits_rows(
            call.workload, cpu.row_kernel, lowest_weight=_lowest_weight(lowered, call.kernel)
        ):
            done = schedule_convolution_rows(call.workload, cpu.row_kernel)
        case "convolution" if cpu.x86_kernel is not None and fits_x86_rows(call.workload):
            done = schedule_x86_rows(call.workload, cpu.x86_kernel)
        case "convolution":
            done = schedule_convolution(call.workload, cpu)
        case "depthwise" if cpu.has_neon and fits_depthwise_rows(
            call.workload, lowest_weight=_lowest_weight(lowered, call.kernel)
        ):
            done = schedule_depthwise_rows(call.workload)
        case "depthwise":
            done = schedule_depthwise(call.workload, cpu)
        case "elementwise":
            done = schedule_elementwise(function)
        case "reduction":
            done = schedule_reduction(function)
        case _:
            done = Scheduled(function)
    named = done.function.with_attr({name: function.attrs[name] for name in (*_KEPT, "global_symbol")})
    return dataclasses.replace(done, function=named)


def _lowest_weight(lowered: LoweredModule, kernel: str) -> int:
    """The lowest weight of any convolution that shares a kernel."""
    weights = (lowered.constants[call.reads[1]] for call in lowered.calls if call.kernel == kernel)
    return min(int(array.min()) for array in weights)


def _pack(call: KernelCall, kernel: Scheduled, constants: dict[str, Any]) -> KernelCall:
    """The call with its constants packed. Equal constants packed the same way are kept once."""
    if not kernel.packers:
        return call
    reads = list(call.reads)
    for position, packer in kernel.packers.items():
        packed = packer(constants[reads[position]])
        name = f"{reads[position]}:{call.kernel}:{position}"
        constants[name] = packed
        reads[position] = name
    return dataclasses.replace(call, reads=tuple(reads))

"""Sharing a kernel's loops among threads.

A library is run by any number of threads together, chosen at each invocation: all of them walk through
the same calls, and each computes its share of every loop that is written with the bounds below, or that
is marked as `parallel` and stands at the top of a kernel's stage. The bounds are placeholders, which
codegen replaces. What has none is computed by the first thread alone. Shares of one loop do not overlap
and lie in the order of threads; with one thread its share is everything.

What a thread writes in a shared loop must be its alone: a part of the result, or of a buffer, that no
other share writes. Shares may be empty. Stages of a kernel are kept apart: all threads have finished one
before any starts the next.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from tvm import tirx

from edgekit.artifacts import SHARE_BEGIN, SHARE_END, SHARED
from edgekit.schedule.cpu import RowKernel, X86Kernel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgekit.artifacts import KernelCall
    from edgekit.schedule.cpu import CpuClass
    from edgekit.schedule.scheduled import Scheduled

_WORTH_NS = 4000  # of work for one thread: 2000 are lost again by the time that threads have met
# What a core of each class computes in a nanosecond, roughly: most kernels are far from its limit.
_MACS_PER_NS = {
    X86Kernel.VNNI: 100,
    X86Kernel.AVX2: 20,
    RowKernel.MMLA: 40,
    RowKernel.DOT: 20,
    RowKernel.MLAL: 5,
}
_AMX_MACS_PER_NS = 200
_X86_VECTOR_NS = 1.5  # to scale 16 sums
_OTHER_MACS_PER_NS = 2
_DEPTHWISE_SLOWER = 4  # times
_ELEMENTS_PER_NS = {"reduction": 8}  # pooling, by the kernel's template
_X86_ELEMENTS_PER_NS = 10  # sums by its micro-kernels
_OTHER_ELEMENTS_PER_NS = 1  # scaled one by one


def mark_shared(
    kernels: Mapping[str, Scheduled], calls: Sequence[KernelCall], cpu: CpuClass
) -> dict[str, Scheduled]:
    """The kernels, each marked by whether it has work enough for one thread to be shared by several."""
    by_kernel = {call.kernel: call for call in calls}
    return {
        name: dataclasses.replace(
            kernel,
            function=kernel.function.with_attr(SHARED, _work_ns(by_kernel[name], kernel, cpu) >= _WORTH_NS),
        )
        for name, kernel in kernels.items()
    }


def _work_ns(call: KernelCall, kernel: Scheduled, cpu: CpuClass) -> float:
    """A rough estimate of a call's time."""
    if call.macs == 0:
        template = str(kernel.function.attrs["edgekit.template"])
        elements = max(math.prod(int(n) for n in p.ty.shape) for p in kernel.function.params)
        if kernel.kernels == "x86":
            return elements / _X86_ELEMENTS_PER_NS
        return elements / _ELEMENTS_PER_NS.get(template, _OTHER_ELEMENTS_PER_NS)
    micro_kernel = cpu.x86_kernel or cpu.row_kernel
    rate = _OTHER_MACS_PER_NS if micro_kernel is None else _MACS_PER_NS[micro_kernel]
    load = call.workload
    if load is None:
        return call.macs / rate
    if load.depthwise:
        return call.macs * _DEPTHWISE_SLOWER / rate
    pixels = load.batch * load.out_height * load.out_width
    if cpu.has_amx and pixels > 1:
        rate = _AMX_MACS_PER_NS
    scaling = pixels * -(-load.out_channels // 16) * _X86_VECTOR_NS if cpu.x86_kernel else 0.0
    return call.macs / rate + scaling


def share_begin(extent: int) -> Any:
    """Where a thread's share of 0 .. `extent` begins."""
    return tirx.call_pure_extern("int32", SHARE_BEGIN, extent)


def share_end(extent: int) -> Any:
    """One past the last index of a thread's share of 0 .. `extent`."""
    return tirx.call_pure_extern("int32", SHARE_END, extent)


def shared_loop(variable: Any, extent: int, body: Any) -> Any:
    """A loop over a thread's share of 0 .. `extent`."""
    first = share_begin(extent)
    return tirx.For(variable, first, share_end(extent) - first, tirx.ForKind.SERIAL, body)


def shared_span(total: int, unit: int) -> tuple[Any, Any]:
    """First element and number of elements of a thread's share of a row of `total`.

    Shares are whole units, and the rest goes to the last one: a share that is not empty has at least
    `unit` elements, if the row has. One may be empty.
    """
    units = max(1, total // unit)
    first, end = share_begin(units), share_end(units)
    return first * unit, tirx.Select(end == units, total, end * unit) - first * unit


def share_stage(schedule: Any, block: Any) -> None:
    """Let threads share the outermost loop of a te-scheduled stage that has more than one step."""
    for loop in schedule.get_loops(block):
        found = schedule.get(loop)
        if found.kind != tirx.ForKind.SERIAL:
            return
        if int(found.extent) > 1:
            schedule.parallel(loop)
            return

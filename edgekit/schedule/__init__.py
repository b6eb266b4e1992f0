"""Stage 5: canonical kernels become scheduled ones, and constants take the layout those read."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import tvm

from edgekit.artifacts import TunedModule, Tuning
from edgekit.compute.convolution import Convolution
from edgekit.schedule.cpu import CpuClass, cpu_class
from edgekit.schedule.scheduled import Scheduled
from edgekit.schedule.sharing import mark_shared
from edgekit.schedule.template import Choice, Job, Lookup, Template
from edgekit.schedule.templates.convolution import CONVOLUTION
from edgekit.schedule.templates.depthwise import DEPTHWISE
from edgekit.schedule.templates.depthwise_dot_rows import DEPTHWISE_DOT_ROWS
from edgekit.schedule.templates.depthwise_rows import DEPTHWISE_ROWS
from edgekit.schedule.templates.elementwise import ELEMENTWISE
from edgekit.schedule.templates.elementwise_kernels import NEON_ELEMENTWISE, X86_ELEMENTWISE
from edgekit.schedule.templates.mcu_canonical import MCU_CANONICAL
from edgekit.schedule.templates.mcu_convolution import MCU_CONVOLUTION, MCU_CONVOLUTION_MVE
from edgekit.schedule.templates.mcu_dense import MCU_DENSE, MCU_DENSE_MVE
from edgekit.schedule.templates.mcu_depthwise import MCU_DEPTHWISE
from edgekit.schedule.templates.mcu_depthwise_direct import MCU_DEPTHWISE_DIRECT, MCU_DEPTHWISE_PIXEL
from edgekit.schedule.templates.mcu_depthwise_mve import MCU_DEPTHWISE_MVE
from edgekit.schedule.templates.mcu_depthwise_plain import MCU_DEPTHWISE_PLAIN
from edgekit.schedule.templates.mcu_elementwise import MCU_ELEMENTWISE
from edgekit.schedule.templates.mcu_plain import MCU_CONVOLUTION_PLAIN, MCU_DENSE_PLAIN
from edgekit.schedule.templates.mcu_reduction import MCU_REDUCTION
from edgekit.schedule.templates.neon_dot_rows import DOT_ROWS, MMLA_ROWS
from edgekit.schedule.templates.neon_mlal_rows import MLAL_LONG_ROWS, MLAL_ROWS
from edgekit.schedule.templates.reduction import REDUCTION
from edgekit.schedule.templates.x86_amx import X86_AMX
from edgekit.schedule.templates.x86_depthwise import X86_DEPTHWISE
from edgekit.schedule.templates.x86_depthwise_pairs import X86_DEPTHWISE_PAIRS
from edgekit.schedule.templates.x86_patches import X86_PATCHES
from edgekit.schedule.templates.x86_rows import X86_ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from edgekit.artifacts import KernelCall, LoweredModule
    from edgekit.schedule.scheduled import Merger
    from edgekit.target import Target

__all__ = ["MCU_TEMPLATES", "TEMPLATES", "apply_choice", "candidates", "collect", "jobs", "schedule"]

_KEPT = ("edgekit.template", "edgekit.in_place")  # attributes that a template's new kernel takes over


# In order of preference: the first that fits a job is the untuned choice.
TEMPLATES: tuple[Template, ...] = (
    MMLA_ROWS,
    DOT_ROWS,
    MLAL_LONG_ROWS,
    MLAL_ROWS,
    X86_AMX,
    X86_PATCHES,
    X86_ROWS,
    CONVOLUTION,
    DEPTHWISE_DOT_ROWS,
    DEPTHWISE_ROWS,
    X86_DEPTHWISE,
    X86_DEPTHWISE_PAIRS,
    DEPTHWISE,
    NEON_ELEMENTWISE,
    X86_ELEMENTWISE,
    ELEMENTWISE,
    REDUCTION,
)
# Those for microcontrollers, likewise; the last ones fit everything.
MCU_TEMPLATES: tuple[Template, ...] = (
    MCU_DENSE_MVE,
    MCU_CONVOLUTION_MVE,
    MCU_DENSE,
    MCU_CONVOLUTION,
    MCU_DENSE_PLAIN,
    MCU_CONVOLUTION_PLAIN,
    MCU_DEPTHWISE_MVE,
    MCU_DEPTHWISE_PIXEL,
    MCU_DEPTHWISE,
    MCU_DEPTHWISE_DIRECT,
    MCU_DEPTHWISE_PLAIN,
    MCU_ELEMENTWISE,
    MCU_REDUCTION,
    *MCU_CANONICAL,
)


def schedule(lowered: LoweredModule, target: Target, lookup: Lookup = lambda _job: None) -> TunedModule:
    """Schedule every kernel for a target by the template and parameters that `lookup` has for it.

    Where it has none, or none that is among the kernel's candidates, the untuned choice is taken. Calls that
    share a kernel share its schedule; their constants are packed one by one.
    """
    cpu = cpu_class(target)
    work = jobs(lowered)
    choices = {name: _choose(job, cpu, lookup) for name, job in work.items()}
    scheduled = {name: apply_choice(job, cpu, choices[name]) for name, job in work.items()}
    if cpu.mcu is None:
        scheduled = mark_shared(scheduled, lowered.calls, cpu)
    constants = dict(lowered.constants)
    calls = tuple(_pack(call, scheduled[call.kernel], constants) for call in lowered.calls)
    used = {name for call in calls for name in call.reads}
    used_constants = {name: array for name, array in constants.items() if name in used}
    tuned = collect(lowered, target, scheduled, calls, used_constants)
    return dataclasses.replace(tuned, tuning=_tuning(lowered, choices))


def collect(
    lowered: LoweredModule,
    target: Target,
    scheduled: Mapping[str, Scheduled],
    calls: tuple[KernelCall, ...],
    constants: Mapping[str, NDArray[Any]],
) -> TunedModule:
    """Scheduled kernels and their calls as a module, of which no more than that is known."""
    return TunedModule(
        lowered=lowered,
        target=target,
        module=tvm.IRModule({name: k.function for name, k in scheduled.items() if k.shared is None}),
        shared={name: kernel.shared for name, kernel in scheduled.items() if kernel.shared is not None},
        calls=calls,
        constants=constants,
        kernels=tuple(sorted({kernel.kernels for kernel in scheduled.values() if kernel.kernels})),
        overread_bytes=max((kernel.overread_bytes for kernel in scheduled.values()), default=0),
    )


def candidates(job: Job, cpu: CpuClass) -> tuple[Choice, ...]:
    """Everything that may compute a job, the untuned choice first; nothing where no template fits."""
    templates = TEMPLATES if cpu.mcu is None else MCU_TEMPLATES
    fitting = [template for template in templates if template.kind == job.kind and template.fits(job, cpu)]
    return tuple(Choice(t.name, parameters) for t in fitting for parameters in t.space(job, cpu))


def apply_choice(job: Job, cpu: CpuClass, choice: Choice | None) -> Scheduled:
    """The scheduled kernel of a job by a choice; as it is written where there is none."""
    if choice is None:
        return Scheduled(job.function)
    template = next(t for t in (*TEMPLATES, *MCU_TEMPLATES) if t.name == choice.template)
    done = template.apply(job, cpu, choice.parameters)
    if done.shared is not None:
        return done
    named = {name: job.function.attrs[name] for name in (*_KEPT, "global_symbol")}
    return dataclasses.replace(done, function=done.function.with_attr(named))


def jobs(lowered: LoweredModule) -> dict[str, Job]:
    """The job of every kernel, by the kernel's name, in the order of calls."""
    found: dict[str, Job] = {}
    for call in lowered.calls:
        if call.kernel not in found:
            function = lowered.module[call.kernel]
            found[call.kernel] = Job(
                kind=str(function.attrs["edgekit.template"]),
                workload=call.workload,
                function=function,
                lowest_weight=_lowest_weight(lowered, call),
                weights=_weights(lowered, call),
                constants=_constants(lowered, call),
            )
    return found


def _choose(job: Job, cpu: CpuClass, lookup: Lookup) -> Choice | None:
    """What a lookup finds, else the untuned choice."""
    known = candidates(job, cpu)
    if not known:
        return None
    found = lookup(job)
    return found if found in known else known[0]


def _tuning(lowered: LoweredModule, choices: Mapping[str, Choice | None]) -> Tuning:
    """The shares of the work by whose measurement chose its schedule."""
    shares: dict[bool, dict[str, float]] = {True: {}, False: {}}
    total = sum(call.macs for call in lowered.calls) or 1
    for call in lowered.calls:
        choice = choices[call.kernel]
        if choice is not None and choice.origin is not None and call.macs:
            found = shares[choice.origin.is_exact]
            found[choice.origin.source] = found.get(choice.origin.source, 0.0) + call.macs / total
    return Tuning(exact=shares[True], nearest=shares[False])


def _weights(lowered: LoweredModule, call: KernelCall) -> tuple[NDArray[np.int8], ...]:
    """The weights of all convolutions that share a call's kernel."""
    if not isinstance(call.workload, Convolution):
        return ()
    return tuple(lowered.constants[other.reads[1]] for other in lowered.calls if other.kernel == call.kernel)


def _constants(lowered: LoweredModule, call: KernelCall) -> tuple[tuple[NDArray[Any], ...], ...]:
    """All constants of every call that shares a call's kernel."""
    calls = (other for other in lowered.calls if other.kernel == call.kernel)
    return tuple(
        tuple(lowered.constants[name] for name in other.reads if name in lowered.constants) for other in calls
    )


def _lowest_weight(lowered: LoweredModule, call: KernelCall) -> int | None:
    """The lowest weight of any convolution that shares a call's kernel."""
    return min((int(array.min()) for array in _weights(lowered, call)), default=None)


def _pack(call: KernelCall, kernel: Scheduled, constants: dict[str, Any]) -> KernelCall:
    """The call with its constants packed. Equal constants packed the same way are kept once."""
    if kernel.merge is not None:
        return _merge(call, kernel.merge, constants)
    if not kernel.packers:
        return call
    reads = list(call.reads)
    for position, packer in kernel.packers.items():
        packed = packer(constants[reads[position]])
        name = f"{reads[position]}:{call.kernel}:{position}"
        constants[name] = packed
        reads[position] = name
    return dataclasses.replace(call, reads=tuple(reads))


def _merge(call: KernelCall, merge: Merger, constants: dict[str, Any]) -> KernelCall:
    """The call with other constants instead of its own, after its buffers."""
    own = tuple(name for name in call.reads if name in constants)
    reads = [name for name in call.reads if name not in constants]
    for position, merged in enumerate(merge(tuple(constants[name] for name in own))):
        name = f"{'+'.join(own)}:{call.kernel}:{position}"
        constants[name] = merged
        reads.append(name)
    return dataclasses.replace(call, reads=tuple(reads))

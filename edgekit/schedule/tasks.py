"""What a search works on: kernels taken out of their model, and libraries whose steps are candidates.

A task is plain data, so that it can be sent to another process or machine.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import tvm

from edgekit.artifacts import (
    Buffer,
    DType,
    Graph,
    KernelCall,
    LoweredModule,
    Operator,
    QuantizedModel,
    Tensor,
)
from edgekit.compute.convolution import Convolution
from edgekit.schedule import apply_choice, candidates, collect, jobs
from edgekit.schedule.cpu import cpu_class
from edgekit.schedule.template import Choice, Job
from edgekit.schedule.templates.convolution import flatten_pixels
from edgekit.schedule.templates.row_form import row_form

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from edgekit.artifacts import TunedModule
    from edgekit.schedule.scheduled import Packer, Scheduled
    from edgekit.target import Target

BATCH_NAME = "candidates"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Operand:
    """One parameter of a kernel: a constant of the model, or memory of this shape."""

    shape: tuple[int, ...]
    dtype: str
    constant: NDArray[Any] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """One workload of a model: a kernel that stands for all calls of its kind and shape."""

    kind: str
    workload: str  # see `workload_text`
    load: Any  # the workload as schedules read it, or None
    operator: str  # of the first call: "CONV_2D"
    function: str  # the canonical kernel, as TVM's JSON
    lowest_weight: int | None
    reads: tuple[Operand, ...]
    writes: Operand
    macs: int  # of all calls in one invocation

    @property
    def job(self) -> Job:
        """What templates are asked about."""
        return Job(
            kind=self.kind,
            workload=self.load,
            function=_function(self.function),
            lowest_weight=self.lowest_weight,
            weights=self._weights,
            constants=(self.constants,),
        )

    @property
    def constants(self) -> tuple[NDArray[Any], ...]:
        """All that the first call reads, in order."""
        return tuple(read.constant for read in self.reads if read.constant is not None)

    @property
    def _weights(self) -> tuple[NDArray[np.int8], ...]:
        """Those of the first call, which stand for all and are what candidates are measured with."""
        weights = self.reads[1].constant if isinstance(self.load, Convolution) else None
        return () if weights is None else (weights,)

    @property
    def name(self) -> str:
        """A short name for people: "CONV_2D 56x56x24 -> 56x56x144, 1x1"."""
        if not isinstance(self.load, Convolution):
            return f"{self.operator} {'x'.join(map(str, self.writes.shape))}"
        load, window = self.load, self.load.window
        before = f"{load.height}x{load.width}x{load.in_channels}"
        after = f"{load.out_height}x{load.out_width}x{load.out_channels}"
        return f"{self.operator} {before} -> {after}, {window.kernel_h}x{window.kernel_w}"


@functools.lru_cache(maxsize=32)
def _function(text: str) -> Any:
    """A kernel out of TVM's JSON, which takes longer to read than anything else about a candidate."""
    return tvm.ir.load_json(text)


def workload_text(job: Job) -> str:
    """What decides a kernel's speed, as a key: JSON of extents, and of all that must be equal in a neighbour.

    A kernel without a workload is named by what it computes; it has no neighbours.
    """
    load = job.workload
    if not isinstance(load, Convolution):
        script = job.function.without_attr("global_symbol").script()
        return f"function {hashlib.sha256(script.encode()).hexdigest()[:24]}"
    load = flatten_pixels(load)
    window, form = load.window, load.requantization.form
    extents = {
        name: getattr(load, name)
        for name in ("batch", "height", "width", "in_channels", "out_height", "out_width", "out_channels")
    }
    fixed = {
        "kernel": [window.kernel_h, window.kernel_w],
        "stride": [window.stride_h, window.stride_w],
        "dilation": [window.dilation_h, window.dilation_w],
        "pad": [window.pad_top, window.pad_left],
        "groups": load.groups,
        "form": row_form(load.requantization).value,
        "wide": form.wide,
    }
    return json.dumps({"extents": extents, "fixed": fixed}, separators=(",", ":"))


def tasks(lowered: LoweredModule, target: Target) -> tuple[Task, ...]:
    """The workloads of a model that have several candidates, those with the most work first."""
    cpu = cpu_class(target)
    found: dict[tuple[str, str], Task] = {}
    for name, job in jobs(lowered).items():
        if len(candidates(job, cpu)) < 2:
            continue
        calls = [call for call in lowered.calls if call.kernel == name]
        macs = sum(call.macs for call in calls)
        key = job.kind, workload_text(job)
        if key in found:
            found[key] = dataclasses.replace(found[key], macs=found[key].macs + macs)
        else:
            found[key] = _task(lowered, calls[0], job, macs)
    return tuple(sorted(found.values(), key=lambda task: -task.macs))


def _task(lowered: LoweredModule, call: KernelCall, job: Job, macs: int) -> Task:
    return Task(
        kind=job.kind,
        workload=workload_text(job),
        load=job.workload,
        operator=call.kind,
        function=tvm.ir.save_json(job.function),
        lowest_weight=job.lowest_weight,
        reads=tuple(_operand(lowered, name) for name in call.reads),
        writes=_operand(lowered, call.writes[0]),
        macs=macs,
    )


def _operand(lowered: LoweredModule, name: str) -> Operand:
    if name in lowered.constants:
        array = lowered.constants[name]
        return Operand(shape=array.shape, dtype=str(array.dtype), constant=array)
    buffer = lowered.buffers[name]
    return Operand(shape=buffer.shape, dtype=str(buffer.dtype))


# ------------------------------------------------------------------------------------ candidates


Item = tuple[Task, Choice | None]  # None is the canonical kernel, as it is written


def batch(items: Sequence[Item], target: Target) -> tuple[QuantizedModel, TunedModule]:
    """A model whose steps are candidates: each reads its task's inputs and writes an output of its own.

    The inputs are those of every task, in the order that tasks first come in.
    """
    cpu = cpu_class(target)
    parts = _Parts()
    scheduled = {}
    for index, (task, choice) in enumerate(items):
        name = f"candidate{index:03d}"
        kernel = apply_choice(task.job, cpu, choice)
        if kernel.shared is None:
            kernel = dataclasses.replace(kernel, function=kernel.function.with_attr("global_symbol", name))
        scheduled[name] = kernel
        parts.add(task, kernel, name)
    lowered = parts.lowered()
    tuned = collect(lowered, target, scheduled, lowered.calls, lowered.constants)
    return QuantizedModel(name=BATCH_NAME, flatbuffer=b"", digest="", graph=lowered.graph), tuned


def random_inputs(items: Sequence[Item]) -> list[NDArray[Any]]:
    """Inputs for `batch`, the same for the same tasks."""
    random = np.random.default_rng(0)
    return [
        random.integers(-128, 128, operand.shape).astype(operand.dtype)
        for task in dict.fromkeys(task for task, _ in items)
        for operand in task.reads
        if operand.constant is None
    ]


def canonical_output(task: Task) -> bytes:
    """What a task's kernel gives for `random_inputs` as it is written, computed here and now."""
    name = "canonical"
    function = task.job.function.with_attr("global_symbol", name)
    library = tvm.compile(tvm.IRModule({name: function}), target="llvm")
    inputs = iter(random_inputs([(task, None)]))
    arrays = [next(inputs) if operand.constant is None else operand.constant for operand in task.reads]
    arrays.append(np.empty(task.writes.shape, task.writes.dtype))
    # The model may see fewer axes than the kernel does.
    shapes = [[int(extent) for extent in buffer.shape] for buffer in function.params]
    operands = [tvm.runtime.tensor(a.reshape(shape)) for a, shape in zip(arrays, shapes, strict=True)]
    library[name](*operands)
    return bytes(operands[-1].numpy().tobytes())


class _Parts:
    """The graph of a batch under construction."""

    def __init__(self) -> None:
        self._tensors: list[Tensor] = []
        self._operators: list[Operator] = []
        self._buffers: dict[str, Buffer] = {}
        self._calls: list[KernelCall] = []
        self._constants: dict[str, NDArray[Any]] = {}
        self._inputs: dict[tuple[Task, int], str] = {}

    def add(self, task: Task, kernel: Scheduled, name: str) -> None:
        """One more candidate."""
        reads = [
            self._constant(name, position, operand.constant, kernel.packers)
            if operand.constant is not None
            else self._input(task, position, operand)
            for position, operand in enumerate(task.reads)
            if kernel.merge is None or operand.constant is None
        ]
        if kernel.merge is not None:
            merged = kernel.merge(task.constants)
            reads += [self._constant(name, position, array, {}) for position, array in enumerate(merged)]
        result = self._tensor(f"{name}:out", task.writes)
        index = len(self._operators)
        self._operators.append(
            Operator(
                index=index, kind=task.operator, inputs=(), outputs=(len(self._tensors) - 1,), options={}
            )
        )
        call = KernelCall(
            kernel=name, operator=index, kind=task.operator, reads=tuple(reads), writes=(result,)
        )
        self._calls.append(call)

    def lowered(self) -> LoweredModule:
        """What was added, as a lowered model."""
        outputs = tuple(call.writes[0] for call in self._calls)
        index = {buffer.name: buffer.tensor for buffer in self._buffers.values()}
        graph = Graph(
            name=BATCH_NAME,
            tensors=tuple(self._tensors),
            operators=tuple(self._operators),
            inputs=tuple(index[name] or 0 for name in self._inputs.values()),
            outputs=tuple(index[name] or 0 for name in outputs),
        )
        return LoweredModule(
            graph=graph,
            module=None,
            calls=tuple(self._calls),
            buffers=self._buffers,
            constants=self._constants,
            inputs=tuple(self._inputs.values()),
            outputs=outputs,
        )

    def _constant(self, name: str, position: int, array: NDArray[Any], packers: Mapping[int, Packer]) -> str:
        key = f"{name}:{position}"
        self._constants[key] = packers[position](array) if position in packers else array
        return key

    def _input(self, task: Task, position: int, operand: Operand) -> str:
        key = task, position
        if key not in self._inputs:
            self._inputs[key] = self._tensor(f"input{len(self._inputs)}", operand)
        return self._inputs[key]

    def _tensor(self, name: str, operand: Operand) -> str:
        dtype = DType(operand.dtype)
        index = len(self._tensors)
        self._tensors.append(Tensor(index=index, name=name, shape=operand.shape, dtype=dtype))
        self._buffers[name] = Buffer(name=name, shape=operand.shape, dtype=dtype, tensor=index)
        return name

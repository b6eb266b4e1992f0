"""Chains of layers that can run in bands, and the calls that do."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

import tvm
from tvm import te

from edgekit.artifacts import Buffer
from edgekit.compute.convolution import Convolution, convolution
from edgekit.compute.pooling import Pooling, average_pool, max_pool
from edgekit.lower.assemble import TEMPLATE
from edgekit.lower.edits import copy_call, with_calls
from edgekit.lower.operators.pooling import pooling_of
from edgekit.lower.patches.rows import Layer, Rows, bands_of
from edgekit.lower.view import OperatorView

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edgekit.artifacts import KernelCall, LoweredModule
    from edgekit.lower.patches.rows import Bands, Move

    Workload = Convolution | Pooling

Load = TypeVar("Load", bound="Workload")
_POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")


@dataclasses.dataclass(frozen=True)
class Chain:
    """Calls that follow one another, each the only reader of what the one before it writes.

    `loads` are their workloads, `layers` the same as rows. `start` is the position of the first call.
    """

    start: int
    calls: tuple[KernelCall, ...]
    loads: tuple[Workload, ...]

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The calls as layers whose windows move down a plane."""
        return tuple(
            Layer(load.window, load.height, load.out_height, load.out_width * _out_channels(load))
            for load in self.loads
        )

    def first(self, count: int) -> Chain:
        """The first calls of the chain."""
        return Chain(self.start, self.calls[:count], self.loads[:count])


def find_chain(module: LoweredModule) -> Chain | None:
    """The longest chain of at least two convolutions and poolings that the network begins with."""
    loads = {index: load for index, call in enumerate(module.calls) if (load := _load(module, call))}
    if not loads:
        return None
    start = min(loads)
    length = 1
    while start + length in loads and _is_only_reader(module, start + length):
        length += 1
    chain = Chain(start, module.calls[start : start + length], tuple(loads[start + i] for i in range(length)))
    return chain if length > 1 else None


def rewritten(module: LoweredModule, chain: Chain, rows: int) -> LoweredModule:
    """The module with the chain run in bands of so many rows of its last layer. The same bytes come out."""
    return _Rewriting(module, chain, bands_of(chain.layers, rows)).result()


class _Rewriting:
    """The calls, buffers, kernels and constants of a chain in bands."""

    def __init__(self, module: LoweredModule, chain: Chain, bands: Bands) -> None:
        self._module = module
        self._chain = chain
        self._bands = bands
        self._layers = chain.layers
        self._buffers = dict(module.buffers)
        self._constants = dict(module.constants)
        self._kernels: dict[str, Any] = {}
        self._extra: dict[str, tuple[str, ...]] = {}  # kernel -> constants of its own that it reads
        self._calls: list[KernelCall] = []

    def result(self) -> LoweredModule:
        for index, held in enumerate(self._bands.held):
            name, whole = self._held(index), self._buffers.pop(self._chain.calls[index].writes[0])
            shape = (1, held, *whole.shape[2:])
            self._buffers[name] = Buffer(name=name, shape=shape, dtype=whole.dtype)
        for step, bases in zip(self._bands.work, self._bands.bases, strict=True):
            if isinstance(step, Rows):
                self._run(step, bases)
            else:
                self._move(step, bases)
        start, end = self._chain.start, self._chain.start + len(self._chain.calls)
        calls = (*self._module.calls[:start], *self._calls, *self._module.calls[end:])
        functions = {v.name_hint: f for v, f in self._module.module.functions.items()} | self._kernels
        module = dataclasses.replace(self._module, module=tvm.IRModule(functions), constants=self._constants)
        return with_calls(module, calls, self._buffers)

    def _run(self, step: Rows, bases: Sequence[int]) -> None:
        call, load = self._chain.calls[step.layer], self._chain.loads[step.layer]
        part = _part(load, step)
        kernel = f"{call.kernel}_rows_{part.window.pad_top}_{part.height}_{part.out_height}"
        if kernel not in self._kernels:
            self._add_kernel(kernel, call, part)
        constants = self._extra.get(kernel, call.reads[1:])
        self._calls.append(
            dataclasses.replace(
                call,
                kernel=kernel,
                reads=(self._input(step, bases), *constants),
                writes=(self._output(step, bases),),
                macs=part.macs if isinstance(part, Convolution) else 0,
                workload=None if call.workload is None else part,
            )
        )

    def _add_kernel(self, kernel: str, call: KernelCall, part: Workload) -> None:
        attributes = dict(self._module.module[call.kernel].attrs)
        if isinstance(part, Convolution):
            function = _convolution(part, [self._constants[name] for name in call.reads[1:]])
        else:
            function, constants = _pooling(part, call.kind)
            names = tuple(f"{kernel}:{position}" for position in range(len(constants)))
            self._constants |= dict(zip(names, constants, strict=True))
            self._extra[kernel] = names
        kept = {TEMPLATE: attributes[TEMPLATE], "edgekit.in_place": False, "global_symbol": kernel}
        self._kernels[kernel] = function.with_attr(kept)

    def _move(self, step: Move, bases: Sequence[int]) -> None:
        held = self._held(step.layer)
        at = step.begin - bases[step.layer]
        target = self._window(held, at - step.by, step.count, self._layers[step.layer].row_bytes)
        source = self._window(held, at, step.count, self._layers[step.layer].row_bytes)
        self._calls.append(copy_call(self._chain.calls[step.layer], source, self._buffers[target]))

    def _input(self, step: Rows, bases: Sequence[int]) -> str:
        rows = step.reads_end - step.reads_begin
        if step.layer > 0:
            at = step.reads_begin - bases[step.layer - 1]
            return self._window(self._held(step.layer - 1), at, rows, self._layers[step.layer - 1].row_bytes)
        name = self._chain.calls[0].reads[0]
        row_bytes = self._buffers[name].size_bytes // self._layers[0].in_rows
        return self._window(name, step.reads_begin, rows, row_bytes)

    def _output(self, step: Rows, bases: Sequence[int]) -> str:
        is_last = step.layer == len(self._layers) - 1
        name = self._chain.calls[-1].writes[0] if is_last else self._held(step.layer)
        at = step.begin if is_last else step.begin - bases[step.layer]
        return self._window(name, at, step.end - step.begin, self._layers[step.layer].row_bytes)

    def _window(self, name: str, row: int, rows: int, row_bytes: int) -> str:
        """Some rows of a buffer as a buffer."""
        window = f"{name}[{row}:{row + rows}]"
        whole = self._buffers[name]
        self._buffers[window] = Buffer(
            name=window,
            shape=(1, rows, row_bytes // whole.dtype.itemsize),
            dtype=whole.dtype,
            alias_of=name,
            alias_offset_bytes=row * row_bytes,
        )
        return window

    def _held(self, layer: int) -> str:
        """The buffer for the rows that a layer made and the next one still reads."""
        return f"{self._chain.calls[layer].writes[0]}:rows"


def _part(load: Load, step: Rows) -> Load:
    """The workload of some rows: padded above only where the plane itself begins there."""
    above = load.window.pad_top - step.begin * load.window.stride_h
    window = dataclasses.replace(load.window, pad_top=max(0, above))
    return dataclasses.replace(
        load, window=window, height=step.reads_end - step.reads_begin, out_height=step.end - step.begin
    )


def _convolution(load: Convolution, constants: Sequence[NDArray[Any]]) -> Any:
    shape = (load.batch, load.height, load.width, load.in_channels)
    x = te.placeholder(shape, "int8", name="x0")
    names = ("weights", "bias", "multiplier", "shift")
    weights, bias, multiplier, shift = (
        te.placeholder(array.shape, str(array.dtype), name=name)
        for name, array in zip(names, constants, strict=True)
    )
    result = convolution(x, weights, bias, multiplier, shift, load)
    return te.create_prim_func([x, weights, bias, multiplier, shift, result])


def _pooling(load: Pooling, kind: str) -> tuple[Any, list[NDArray[Any]]]:
    """The kernel, and constants that it reads besides its operand."""
    placeholders = [te.placeholder((load.batch, load.height, load.width, load.channels), "int8", name="x0")]
    constants: list[NDArray[Any]] = []

    def constant(array: NDArray[np.generic], name: str) -> te.Tensor:
        constants.append(array)
        placeholders.append(te.placeholder(array.shape, str(array.dtype), name=name))
        return placeholders[-1]

    x = placeholders[0]
    result = max_pool(x, load) if kind == "MAX_POOL_2D" else average_pool(x, load, constant)
    return te.create_prim_func([*placeholders, result]), constants


def _load(module: LoweredModule, call: KernelCall) -> Workload | None:
    """The workload of a call that moves a window down a plane of one image."""
    load = call.workload
    if call.kind in _POOLS:
        operators = {operator.index: operator for operator in module.graph.operators}
        load = pooling_of(OperatorView(operators[call.operator], module.graph))
    if not isinstance(load, Convolution | Pooling) or load.batch != 1 or load.height == 1:
        return None
    buffers: Mapping[str, Buffer] = module.buffers
    reads_whole = buffers[call.reads[0]].size_bytes == load.height * load.width * _in_channels(load)
    return load if reads_whole and load.out_height > 1 else None


def _is_only_reader(module: LoweredModule, position: int) -> bool:
    """Whether a call alone reads what the call before it writes, and all of it, where that has its memory."""
    name = module.calls[position - 1].writes[0]
    if module.calls[position].reads[0] != name or name in module.outputs:
        return False
    others = [call for index, call in enumerate(module.calls) if index != position and name in call.reads]
    windows = [buffer for buffer in module.buffers.values() if buffer.alias_of == name]
    return not others and not windows and module.buffers[name].alias_of is None


def _in_channels(load: Workload) -> int:
    return load.in_channels if isinstance(load, Convolution) else load.channels


def _out_channels(load: Workload) -> int:
    return load.out_channels if isinstance(load, Convolution) else load.channels

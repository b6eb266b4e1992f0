"""What passes over a `LoweredModule` share: making windows, and adding or removing calls."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import tvm
from tvm import te

from edgekit.artifacts import KernelCall, root_of
from edgekit.compute.movement import RowCopy, copy
from edgekit.lower.assemble import TEMPLATE
from edgekit.lower.kernel import Template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgekit.artifacts import Buffer, LoweredModule


def is_whole(buffers: Mapping[str, Buffer], name: str) -> bool:
    """Whether `name` takes all the memory of its root."""
    root, offset = root_of(buffers, name)
    return offset == 0 and buffers[root].size_bytes == buffers[name].size_bytes


def as_alias(buffer: Buffer, of: str, offset_bytes: int = 0) -> Buffer:
    """The same buffer as a window on another one."""
    return dataclasses.replace(buffer, alias_of=of, alias_offset_bytes=offset_bytes)


def copy_call(like: KernelCall | tuple[int, str], source: str, target: Buffer) -> KernelCall:
    """A call that copies `source` to `target`, on behalf of the operator (index, kind) or that of a call."""
    operator, kind = (like.operator, like.kind) if isinstance(like, KernelCall) else like
    elements = target.size_bytes // target.dtype.itemsize
    return KernelCall(
        kernel=f"copy_{elements}_{target.dtype}",
        operator=operator,
        kind=kind,
        reads=(source,),
        writes=(target.name,),
        workload=RowCopy(1, target.size_bytes),
    )


def with_calls(
    module: LoweredModule, calls: Sequence[KernelCall], buffers: Mapping[str, Buffer]
) -> LoweredModule:
    """The module with these calls: kernels of `copy_call` are added, and those not called left out."""
    kernels = {variable.name_hint: function for variable, function in module.module.functions.items()}
    kept = {
        call.kernel: kernels.get(call.kernel) or _copy_kernel(call.kernel, buffers[call.writes[0]])
        for call in calls
    }
    return dataclasses.replace(module, module=tvm.IRModule(kept), calls=tuple(calls), buffers=buffers)


def _copy_kernel(name: str, target: Buffer) -> tvm.tirx.PrimFunc:
    """Elements of `target`'s type, as many as it has."""
    elements = target.size_bytes // target.dtype.itemsize
    source = te.placeholder((elements,), str(target.dtype), name="x0")
    function = te.create_prim_func([source, copy(source)])
    attributes = {TEMPLATE: str(Template.ELEMENTWISE), "edgekit.in_place": False, "global_symbol": name}
    return function.with_attr(attributes)

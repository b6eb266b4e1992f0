"""Scheduled kernels become plain C functions over raw pointers, without TVM's calling convention.

A buffer parameter becomes a typed pointer. Scratch memory of 512 bytes or more that a kernel
allocates becomes one more pointer parameter, so that the arena planner can place it; what a thread has of
its own, inside a loop that threads share, stays on its stack. What is left needs no runtime: no packed
arguments, no workspace hooks.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from typing import TYPE_CHECKING, Any

import tvm
import tvm_ffi
from tvm import s_tir, tirx
from tvm.ir import PointerType, PrimType

from edgekit.artifacts import SHARED
from edgekit.codegen.shares import (
    NotShareableError,
    asks_for_shares,
    for_one_thread,
    is_stage,
    share_stages,
)
from edgekit.codegen.trees import mentions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tvm.target import Target as TvmTarget

_STACK_LIMIT_BYTES = 512  # smaller scratch stays on the stack, where LLVM turns it into registers
_NESTED_LIMIT_BYTES = 16384  # of what a thread has of its own in a loop that it shares: every stack has that
# Inside a loop TVM takes this much from a workspace of its runtime, which is not there, unless an annotation
# leaves it to LLVM, which makes it a part of the stack's frame.
_RUNTIME_BYTES, _TO_LLVM = 1024, "disable_lower_builtin"

BLOCKS_TO_LOOPS = (
    s_tir.transform.CanonicalizeLoop(),
    s_tir.transform.LowerInitBlock(),
    s_tir.transform.PlanAndUpdateBufferAllocationLocation(),
    s_tir.transform.ConvertBlocksToOpaque(),
    s_tir.transform.CompactBufferAllocation(),
    s_tir.transform.LowerMatchBuffer(),
    s_tir.transform.StmtSimplify(),
    s_tir.transform.LowerOpaqueBlock(),
    tirx.transform.FlattenBuffer(),
    tirx.transform.NarrowDataType(32),
)
_SCHEDULED_TO_FLAT = (
    *BLOCKS_TO_LOOPS,
    s_tir.transform.LoopPartition(),
    tirx.transform.VectorizeLoop(True),
    tirx.transform.StorageRewrite(),
    s_tir.transform.HoistIfThenElse(),
    tirx.transform.UnrollLoop(),
    s_tir.transform.RenormalizeSplitPattern(),
    tirx.transform.StmtSimplify(),
    tirx.transform.RemoveNoOp(),
    s_tir.transform.RewriteUnsafeSelect(),
    tirx.transform.CommonSubexprElim(),
    tirx.transform.VerifyMemory(),
    tirx.transform.SplitHostDevice(),
)
_FLAT_TO_INTRINSICS = (
    tirx.transform.ConvertSSA(),  # a stage may stand there twice: for one thread, and for several
    tirx.transform.LowerTVMBuiltin(),
    tirx.transform.LowerIntrin(),
)


@dataclasses.dataclass(frozen=True)
class FlatKernels:
    """Kernels ready for a code generator, and the scratch bytes each asks for."""

    module: Any  # tvm.IRModule
    workspaces: Mapping[str, tuple[int, ...]]  # kernel -> bytes of each extra pointer parameter
    shared: frozenset[str]  # kernels whose last parameter points to a thread's share


@dataclasses.dataclass(frozen=True)
class _Flat:
    """One kernel over pointers."""

    function: Any
    workspaces: tuple[int, ...]
    is_shared: bool


def flatten_kernels(module: Any, target: TvmTarget) -> FlatKernels:
    """Lower scheduled PrimFuncs to functions over pointers for `target`."""
    bound = tirx.transform.BindTarget(target.with_host(target))(_with_aliasing_rules(module))
    with tvm.transform.PassContext(opt_level=3):
        kernels = {name: _flat_kernel(name, function) for name, function in bound.functions.items()}
        functions = tvm.IRModule({variable: kernel.function for variable, kernel in kernels.items()})
        done = tvm.transform.Sequential(_FLAT_TO_INTRINSICS)(functions)
    named = {variable.name_hint: kernel for variable, kernel in kernels.items()}
    return FlatKernels(
        done,
        {name: kernel.workspaces for name, kernel in named.items()},
        frozenset(name for name, kernel in named.items() if kernel.is_shared),
    )


def _flat_kernel(variable: Any, function: Any) -> _Flat:
    if function.attrs.get(SHARED) and asks_for_shares(function.body):
        with contextlib.suppress(NotShareableError):
            return _over_pointers(_flatten(variable, function), is_shared=True)
    return _over_pointers(_flatten(variable, for_one_thread(function)), is_shared=False)


def _flatten(variable: Any, function: Any) -> Any:
    flat = tvm.transform.Sequential(_SCHEDULED_TO_FLAT)(tvm.IRModule({variable: function}))
    return flat[variable]


def _with_aliasing_rules(module: Any) -> Any:
    """Promise LLVM that pointers do not overlap, except in kernels that may work in place."""
    return tvm.IRModule(
        {
            variable: function.with_attr("tirx.noalias", not bool(function.attrs["edgekit.in_place"]))
            for variable, function in module.functions.items()
        }
    )


def _over_pointers(function: Any, *, is_shared: bool) -> _Flat:
    statements = list(function.body.seq) if isinstance(function.body, tirx.SeqStmt) else [function.body]
    parameters, declarations, workspaces, rest = [], [], [], []

    def pointer(buffer: Any) -> None:
        variable = tirx.Var(buffer.name, PointerType(PrimType(str(buffer.ty.dtype)), "global"))
        parameters.append(variable)
        declarations.append(tirx.DeclBuffer(buffer, data=variable))

    for parameter in function.params:
        pointer(parameter)
    for statement in statements:
        if isinstance(statement, tirx.AllocBuffer) and (
            _size_bytes(statement.buffer.ty) >= _STACK_LIMIT_BYTES
            or (is_shared and _is_touched_by_two(statement.buffer, statements))
        ):
            workspaces.append(_size_bytes(statement.buffer.ty))
            pointer(statement.buffer)
        else:
            rest.append(statement)
    if is_shared:
        if any(_nested_bytes(statement) > _NESTED_LIMIT_BYTES for statement in rest):
            raise NotShareableError
        rest = [_keep_on_stack(statement) if is_stage(statement) else statement for statement in rest]
        share, rest = share_stages(rest, parameters[len(function.params) :])
        parameters.append(share)
    body = _on_cpu(tirx.SeqStmt([*declarations, *rest]))
    done = tirx.PrimFunc(parameters, body, function.ret_type, function.attrs)
    return _Flat(done, tuple(workspaces), is_shared)


def _nested_bytes(statement: Any) -> int:
    """The scratch memory inside a statement: what threads have of their own in a shared loop."""
    sizes: list[int] = []
    if is_stage(statement):
        tvm_ffi.structural_walk(
            statement, ((tirx.AllocBuffer, lambda found: sizes.append(_size_bytes(found.buffer.ty))),)
        )
    return sum(sizes)


def _keep_on_stack(stage: Any) -> Any:
    """A stage whose scratch memory inside is on the stack, whatever its size."""

    def mark(found: Any) -> Any:
        if _size_bytes(found.buffer.ty) < _RUNTIME_BYTES:
            return found
        return tirx.AllocBuffer(found.buffer, {**found.annotations, _TO_LLVM: tirx.const(1, "bool")})

    return tvm_ffi.structural_map(stage, ((tirx.AllocBuffer, mark),))


def _is_touched_by_two(buffer: Any, statements: Sequence[Any]) -> bool:
    """Whether more than one stage uses some memory: threads have to see each other's then."""
    return sum(mentions(statement, buffer) for statement in statements if is_stage(statement)) > 1


def _on_cpu(body: Any) -> Any:
    """LowerTVMBuiltin wants to know the device of what stays on the stack."""
    zero, cpu = tirx.const(0, "int32"), tirx.const(1, "int32")
    of_type = tirx.AttrStmt(tvm.ir.StringImm("default"), "device_type", cpu, body)
    return tirx.AttrStmt(tvm.ir.StringImm("default"), "device_id", zero, of_type)


def _size_bytes(buffer_type: Any) -> int:
    dtype = tvm_ffi.dtype(str(getattr(buffer_type.dtype, "dtype", buffer_type.dtype)))
    return math.prod(int(extent) for extent in buffer_type.shape) * ((dtype.bits * dtype.lanes + 7) // 8)

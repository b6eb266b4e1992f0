"""Scheduled kernels become plain C functions over raw pointers, without TVM's calling convention.

A buffer parameter becomes a typed pointer. Scratch memory of 512 bytes or more that a kernel
allocates becomes one more pointer parameter, so that the arena planner can place it. What is left
needs no runtime: no packed arguments, no workspace hooks.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import tvm
import tvm_ffi
from tvm import s_tir, tirx
from tvm.ir import Call, PointerType, PrimType

from edgekit.artifacts import SHARE_BEGIN, SHARE_END

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tvm.target import Target as TvmTarget

_STACK_LIMIT_BYTES = 512  # smaller scratch stays on the stack, where LLVM turns it into registers

_SCHEDULED_TO_FLAT = (
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
_FLAT_TO_INTRINSICS = (tirx.transform.LowerTVMBuiltin(), tirx.transform.LowerIntrin())


@dataclasses.dataclass(frozen=True)
class FlatKernels:
    """Kernels ready for a code generator, and the scratch bytes each asks for."""

    module: Any  # tvm.IRModule
    workspaces: Mapping[str, tuple[int, ...]]  # kernel -> bytes of each extra pointer parameter


def flatten_kernels(module: Any, target: TvmTarget) -> FlatKernels:
    """Lower scheduled PrimFuncs to functions over pointers for `target`."""
    bound = tirx.transform.BindTarget(target.with_host(target))(_with_aliasing_rules(module))
    with tvm.transform.PassContext(opt_level=3):
        flat = tvm.transform.Sequential(_SCHEDULED_TO_FLAT)(bound)
        functions, workspaces = {}, {}
        for variable, function in flat.functions.items():
            functions[variable], workspaces[variable.name_hint] = _over_pointers(function)
        done = tvm.transform.Sequential(_FLAT_TO_INTRINSICS)(tvm.IRModule(functions))
    return FlatKernels(done, workspaces)


def _with_aliasing_rules(module: Any) -> Any:
    """Promise LLVM that pointers do not overlap, except in kernels that may work in place."""
    return tvm.IRModule(
        {
            variable: _alone(function).with_attr("tirx.noalias", not bool(function.attrs["edgekit.in_place"]))
            for variable, function in module.functions.items()
        }
    )


def _alone(function: Any) -> Any:
    """The kernel with all of every share."""

    def bound(call: Any) -> Any:
        match str(call.args[0].value) if call.op.name == "tirx.call_pure_extern" else "":
            case name if name == SHARE_BEGIN:
                return tirx.const(0, "int32")
            case name if name == SHARE_END:
                return call.args[1]
            case _:
                return call

    def loop(node: Any) -> Any:
        if node.kind != tirx.ForKind.PARALLEL:
            return node
        return tirx.For(node.loop_var, node.min, node.extent, tirx.ForKind.SERIAL, node.body)

    return tvm_ffi.structural_map(function, ((Call, bound), (tirx.For, loop)))


def _over_pointers(function: Any) -> tuple[Any, tuple[int, ...]]:
    statements = list(function.body.seq) if isinstance(function.body, tirx.SeqStmt) else [function.body]
    parameters, declarations, workspaces, rest = [], [], [], []

    def pointer(buffer: Any) -> None:
        variable = tirx.Var(buffer.name, PointerType(PrimType(str(buffer.ty.dtype)), "global"))
        parameters.append(variable)
        declarations.append(tirx.DeclBuffer(buffer, data=variable))

    for parameter in function.params:
        pointer(parameter)
    for statement in statements:
        is_scratch = isinstance(statement, tirx.AllocBuffer)
        if is_scratch and _size_bytes(statement.buffer.ty) >= _STACK_LIMIT_BYTES:
            workspaces.append(_size_bytes(statement.buffer.ty))
            pointer(statement.buffer)
        else:
            rest.append(statement)
    body = _on_cpu(tirx.SeqStmt([*declarations, *rest]))
    return tirx.PrimFunc(parameters, body, function.ret_type, function.attrs), tuple(workspaces)


def _on_cpu(body: Any) -> Any:
    """LowerTVMBuiltin wants to know the device of what stays on the stack."""
    zero, cpu = tirx.const(0, "int32"), tirx.const(1, "int32")
    of_type = tirx.AttrStmt(tvm.ir.StringImm("default"), "device_type", cpu, body)
    return tirx.AttrStmt(tvm.ir.StringImm("default"), "device_id", zero, of_type)


def _size_bytes(buffer_type: Any) -> int:
    dtype = tvm_ffi.dtype(str(getattr(buffer_type.dtype, "dtype", buffer_type.dtype)))
    return math.prod(int(extent) for extent in buffer_type.shape) * ((dtype.bits * dtype.lanes + 7) // 8)

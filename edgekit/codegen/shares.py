"""Kernels that several threads run together: each computes its share of every shared loop.

A shared kernel takes one more pointer, to the bounds of the thread's share in 1/65536 of a loop's extent;
the first thread's begins at 0 and the last one's ends at 65536, so that with one thread the share is
everything. The kernel's top-level statements are its stages: a shared one is run by all threads, any other
by the first alone. Between two of them all threads wait for each other, unless the first runs both alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tvm_ffi
from tvm import tirx
from tvm.ir import Call, PointerType, PrimType

from edgekit.artifacts import SHARE_BEGIN, SHARE_END

if TYPE_CHECKING:
    from collections.abc import Sequence

_WHOLE = 1 << 16  # a share is counted in this part of a loop
_WAIT = "edgekit_wait"  # in the entry point: see codegen/entry.py
_MOST_SCRATCH = 3  # pointers that it takes


def asks_for_shares(kernel: Any) -> bool:
    """Whether a scheduled kernel, or a statement of one, has loops that threads may share."""
    found: list[Any] = []

    def call(node: Any) -> None:
        if _placeholder(node) is not None:
            found.append(node)

    def loop(node: Any) -> None:
        if node.kind == tirx.ForKind.PARALLEL:
            found.append(node)

    tvm_ffi.structural_walk(kernel, ((Call, call), (tirx.For, loop)))
    return bool(found)


def for_one_thread(function: Any) -> Any:
    """A scheduled kernel whose shares are everything, for the first thread to run alone."""

    def bound(node: Any) -> Any:
        match _placeholder(node):
            case None:
                return node
            case name:
                return tirx.const(0, "int32") if name == SHARE_BEGIN else node.args[1]

    return tvm_ffi.structural_map(function, ((Call, bound), (tirx.For, _serial)))


class NotShareableError(Exception):
    """A kernel must be run by one thread after all."""


def share_stages(statements: Sequence[Any], scratch: Sequence[Any]) -> tuple[Any, list[Any]]:
    """The pointer to a thread's share, and the statements of a flattened kernel that several threads run.

    `scratch` are the pointers to its scratch memory.

    Raises:
        NotShareableError: it has more scratch memory than the threads can be told of.
    """
    if len(scratch) > _MOST_SCRATCH:
        raise NotShareableError
    share = _Share()
    done: list[Any] = [share.declaration]
    previous_is_shared: bool | None = None
    for statement in statements:
        if not is_stage(statement):
            done.append(statement)
            continue
        is_shared = asks_for_shares(statement)
        if previous_is_shared is not None and (is_shared or previous_is_shared):
            done.append(share.wait(scratch))
        if not is_shared:
            done.append(share.for_first_thread(statement))
        elif _has_conditions(statement):
            alone, shared = for_one_thread(statement), _with_share(statement, share)
            done.append(tirx.IfThenElse(share.is_partial, shared, alone))
        else:
            done.append(_with_share(statement, share))
        previous_is_shared = is_shared
    return share.parameter, done


def is_stage(statement: Any) -> bool:
    """Whether a top-level statement of a flattened kernel computes something."""
    return not isinstance(statement, tirx.AllocBuffer | tirx.DeclBuffer | tirx.Bind)


class _Share:
    """The parameter of a shared kernel, and what is computed from it."""

    def __init__(self) -> None:
        self.parameter = tirx.Var("share", PointerType(PrimType("int32"), "global"))
        self._buffer = tirx.decl_buffer((2,), "int32", "share", data=self.parameter)
        self.declaration = tirx.DeclBuffer(self._buffer, data=self.parameter)

    def begin(self, extent: int) -> Any:
        return self._part(extent, 0)

    def end(self, extent: int) -> Any:
        return self._part(extent, 1)

    def _part(self, extent: int, index: int) -> Any:
        share = self._buffer[index]
        if extent * _WHOLE < 1 << 31:
            return (share * extent) >> 16
        return ((share.astype("int64") * tirx.const(extent, "int64")) >> 16).astype("int32")

    @property
    def is_partial(self) -> Any:
        """Whether there are other threads."""
        return self._buffer[1] - self._buffer[0] != _WHOLE

    def for_first_thread(self, statement: Any) -> Any:
        return tirx.IfThenElse(self._buffer[0] == 0, statement, None)

    def wait(self, scratch: Sequence[Any]) -> Any:
        """Wait for the other threads, if there are any.

        The scratch memory is named in the call, so that LLVM knows that it is written there: pointers
        are promised not to alias one another.
        """
        touched = [*scratch, *[self.parameter] * (_MOST_SCRATCH - len(scratch))]
        call = tirx.call_extern("void", _WAIT, self.parameter, *touched)
        return tirx.IfThenElse(self.is_partial, tirx.Evaluate(call), None)


def _with_share(statement: Any, share: _Share) -> Any:
    """A stage in which placeholders and parallel loops are replaced by a thread's share."""

    def bound(node: Any) -> Any:
        match _placeholder(node):
            case None:
                return node
            case name:
                part = share.begin if name == SHARE_BEGIN else share.end
                return part(int(node.args[1]))

    def loop(node: Any) -> Any:
        if node.kind != tirx.ForKind.PARALLEL:
            return node
        first, end = share.begin(int(node.extent)), share.end(int(node.extent))
        index = tirx.Var(node.loop_var.name, "int32")
        body = tirx.SeqStmt([tirx.Bind(node.loop_var, index + first), node.body])
        return tirx.For(index, 0, end - first, tirx.ForKind.SERIAL, body)

    return tvm_ffi.structural_map(statement, ((Call, bound), (tirx.For, loop)))


def _has_conditions(statement: Any) -> bool:
    """Whether elements depend on conditions, as in padding: LLVM resolves these where it knows the bounds."""
    found: list[Any] = []

    def look(call: Any) -> None:
        if call.op.name == "prim.if_then_else":
            found.append(call)

    tvm_ffi.structural_walk(statement, (Call, look))
    return bool(found)


def _placeholder(call: Any) -> str | None:
    """The name of the bound that a call stands for."""
    if call.op.name != "tirx.call_pure_extern":
        return None
    name = str(call.args[0].value)
    return name if name in (SHARE_BEGIN, SHARE_END) else None


def _serial(loop: Any) -> Any:
    if loop.kind != tirx.ForKind.PARALLEL:
        return loop
    return tirx.For(loop.loop_var, loop.min, loop.extent, tirx.ForKind.SERIAL, loop.body)

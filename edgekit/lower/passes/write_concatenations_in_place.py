"""Let the tensors that a CONCATENATION or PACK joins be written where they end up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.artifacts import Buffer, root_of
from edgekit.lower.edits import as_alias, copy_call, is_whole, with_calls
from edgekit.lower.operators.joining import joined_rows
from edgekit.lower.view import OperatorView

if TYPE_CHECKING:
    from edgekit.artifacts import KernelCall, LoweredModule


def write_concatenations_in_place(module: LoweredModule) -> LoweredModule:
    """Inputs of a join become windows on its output, where each is one piece of it.

    That is so where all axes before the joined one have size 1. Inputs whose memory is not free to move
    (inputs and outputs of the network, states, constants, parts of other tensors, what is joined twice)
    are copied to their window, one by one.
    """
    buffers = dict(module.buffers)
    operators = {operator.index: operator for operator in module.graph.operators}
    calls: list[KernelCall] = []
    for call in module.calls:
        joins = call.kind in ("CONCATENATION", "PACK")
        if joins and joined_rows(OperatorView(operators[call.operator], module.graph)) == 1:
            calls += _joined(module, buffers, call)
        else:
            calls.append(call)
    return with_calls(module, calls, buffers)


def _joined(module: LoweredModule, buffers: dict[str, Buffer], call: KernelCall) -> list[KernelCall]:
    """Place the inputs of a join; the calls that copy those which cannot be placed."""
    target = call.writes[0]
    copies = []
    offset = 0
    for read in call.reads:
        size = buffers[read].size_bytes if read in buffers else module.constants[read].nbytes
        if _may_move(module, buffers, read, target):
            root, _ = root_of(buffers, read)
            buffers[root] = as_alias(buffers[root], target, offset)
        else:
            window = _window(buffers[target], offset, size)
            buffers[window.name] = window
            copies.append(copy_call(call, read, window))
        offset += size
    return copies


def _may_move(module: LoweredModule, buffers: dict[str, Buffer], name: str, target: str) -> bool:
    if name not in buffers or not is_whole(buffers, name):
        return False
    root, _ = root_of(buffers, name)
    fixed = buffers[root].is_state or root in module.inputs or root == root_of(buffers, target)[0]
    outputs = {root_of(buffers, output)[0] for output in module.outputs}
    return not fixed and root not in outputs


def _window(target: Buffer, offset: int, size: int) -> Buffer:
    return Buffer(
        name=f"{target.name}+{offset}",
        shape=(size // target.dtype.itemsize,),
        dtype=target.dtype,
        alias_of=target.name,
        alias_offset_bytes=offset,
    )

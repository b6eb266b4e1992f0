"""Give every output of the network memory of its own."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.artifacts import root_of
from edgekit.lower.edits import as_alias, copy_call, is_whole, with_calls

if TYPE_CHECKING:
    from edgekit.artifacts import Buffer, KernelCall, LoweredModule


def materialize_outputs(module: LoweredModule) -> LoweredModule:
    """Outputs that are windows on other memory become memory themselves, or a copy made at the end.

    A caller may write an input, and the next invocation a state, while an output is still being read, and
    a window may start anywhere. So an output is no alias. Where it is all of an intermediate tensor under
    another shape, the roles are swapped; otherwise (an input, a state, a part, a second name) it is copied.
    """
    buffers = dict(module.buffers)
    calls = list(module.calls)
    outputs: list[str] = []
    for name in module.outputs:
        own = _swapped(module, buffers, name, outputs)
        if own is None:
            own = _copied(module, buffers, calls, name)
        outputs.append(own)
    return dataclasses.replace(with_calls(module, calls, buffers), outputs=tuple(outputs))


def _swapped(module: LoweredModule, buffers: dict[str, Buffer], name: str, taken: list[str]) -> str | None:
    """`name`, if its memory is its own or can be made so."""
    root, _ = root_of(buffers, name)
    if buffers[root].is_state or root in module.inputs or root in taken or not is_whole(buffers, name):
        return None
    if root == name:
        return name
    if root in module.outputs:
        return None
    buffers[name] = dataclasses.replace(buffers[name], alias_of=None, alias_offset_bytes=0)
    buffers[root] = as_alias(buffers[root], name)
    return name


def _copied(module: LoweredModule, buffers: dict[str, Buffer], calls: list[KernelCall], name: str) -> str:
    """The name of a new buffer, which a last call fills."""
    copies = sum(other.startswith(f"{name}:output") for other in buffers)
    target = dataclasses.replace(
        buffers[name], name=f"{name}:output{copies}", alias_of=None, alias_offset_bytes=0, is_state=False
    )
    buffers[target.name] = target
    writer = next(o for o in module.graph.operators if target.tensor in o.outputs)
    calls.append(copy_call((writer.index, writer.kind), name, target))
    return target.name

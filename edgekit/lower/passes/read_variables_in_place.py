"""Read streaming variables where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.artifacts import root_of
from edgekit.lower.edits import as_alias, with_calls

if TYPE_CHECKING:
    from edgekit.artifacts import LoweredModule


def read_variables_in_place(module: LoweredModule) -> LoweredModule:
    """READ_VARIABLE's copy goes where the variable is not assigned before the value's last use.

    A use by the assignment itself counts as before: it would copy the state onto a part of itself.
    """
    buffers = dict(module.buffers)
    calls = []
    for index, call in enumerate(module.calls):
        if call.kind == "READ_VARIABLE" and not _is_assigned_too_early(module, index):
            buffers[call.writes[0]] = as_alias(buffers[call.writes[0]], call.reads[0])
        else:
            calls.append(call)
    return with_calls(module, calls, buffers)


def _is_assigned_too_early(module: LoweredModule, read: int) -> bool:
    state, value = module.calls[read].reads[0], module.calls[read].writes[0]
    last = _last_use(module, value)
    return any(state in call.writes for call in module.calls[read + 1 : last + 1])


def _last_use(module: LoweredModule, value: str) -> int:
    """The last call that reads `value` or a window on it; past the end if it is an output."""
    windows = {name for name in module.buffers if root_of(module.buffers, name)[0] == value}
    if windows.intersection(module.outputs):
        return len(module.calls)
    reads = [index for index, call in enumerate(module.calls) if windows.intersection(call.reads)]
    return max(reads, default=-1)

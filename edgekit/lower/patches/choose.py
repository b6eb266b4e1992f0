"""How many of a network's first layers to run in bands, and how many rows a band has."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.artifacts import root_of
from edgekit.lower.patches.rewrite import find_chain, rewritten
from edgekit.lower.patches.rows import Rows, bands_of

if TYPE_CHECKING:
    from edgekit.artifacts import LoweredModule
    from edgekit.lower.patches.rewrite import Chain
    from edgekit.lower.patches.rows import Bands

_ROWS = (1, 2, 3, 4, 6, 8, 12, 16)  # of the last layer, in a band
_WORTH = 1.03  # a band more is worth this much less memory


def in_bands(module: LoweredModule) -> LoweredModule:
    """The module with its first layers in those bands that promise the least memory; unchanged if none do.

    Of choices that need about the same memory, the one with the fewest calls is taken. Memory is estimated
    here as if every result lay over the operand that it uses up: leads and scratch memory are not known yet.
    """
    chain = find_chain(module)
    if chain is None:
        return module
    choices = [
        choice for count in range(2, len(chain.calls) + 1) for choice in _choices(module, chain, count)
    ]
    least = min((choice.memory for choice in choices), default=0)
    if not choices or least * _WORTH >= _peak(module, 0):
        return module
    best = min((choice for choice in choices if choice.memory <= least * _WORTH), key=lambda c: c.calls)
    return rewritten(module, chain.first(best.layers), best.rows)


@dataclasses.dataclass(frozen=True)
class _Choice:
    """So many layers in bands of so many rows: what it needs, in bytes and calls."""

    layers: int
    rows: int
    memory: int
    calls: int


def _choices(module: LoweredModule, chain: Chain, count: int) -> list[_Choice]:
    first = chain.first(count)
    after = _peak(module, chain.start + count)
    found = []
    for rows in _ROWS:
        bands = bands_of(first.layers, rows)
        is_sound = all(step.reads_begin < step.reads_end for step in bands.work if isinstance(step, Rows))
        if rows < first.layers[-1].out_rows and is_sound:
            memory = max(after, _peak(module, 0, before=chain.start), _needed(module, first, bands))
            found.append(_Choice(count, rows, memory, len(bands.work)))
    return found


def _needed(module: LoweredModule, chain: Chain, bands: Bands) -> int:
    """Bytes while the chain runs: its operand, its result, and the rows between its layers."""
    ends = (chain.calls[0].reads[0], chain.calls[-1].writes[0])
    between = sum(held * layer.row_bytes for held, layer in zip(bands.held, chain.layers, strict=False))
    return between + sum(module.buffers[name].size_bytes for name in ends)


def _peak(module: LoweredModule, begin: int, before: int | None = None) -> int:
    """Bytes that the calls from `begin` need at once at least."""
    last: dict[str, int] = {}
    first: dict[str, int] = {}
    for index, call in enumerate(module.calls):
        for name in (*call.reads, *call.writes):
            if name in module.buffers:
                root = root_of(module.buffers, name)[0]
                last[root] = index
                first.setdefault(root, index)
    last |= {root_of(module.buffers, name)[0]: len(module.calls) for name in module.outputs}
    first |= {root_of(module.buffers, name)[0]: -1 for name in module.inputs}
    sizes = {root: module.buffers[root].size_bytes for root in last if not module.buffers[root].is_state}
    peak = 0
    for index in range(begin, len(module.calls) if before is None else before):
        live = [root for root in sizes if first.get(root, -1) <= index <= last[root]]
        used_up = [sizes[root] for root in live if last[root] == index and first[root] < index]
        made = [sizes[root] for root in live if first[root] == index]
        peak = max(peak, sum(sizes[root] for root in live) - min(max(used_up, default=0), sum(made)))
    return peak

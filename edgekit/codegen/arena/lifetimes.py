"""When memory is needed: the allocation that each buffer lies in, and its first and its last call."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.artifacts import root_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgekit.artifacts import Buffer, KernelCall


@dataclasses.dataclass(frozen=True)
class Span:
    """The calls that need an allocation, both ends included; -1 is before them, their number after them."""

    first: int
    last: int


@dataclasses.dataclass(frozen=True)
class Lifetimes:
    """Where each buffer lies, and when what lies there is needed."""

    buffers: Mapping[str, Buffer]
    spans: Mapping[str, Span]  # of buffers that are no windows

    @staticmethod
    def of(
        calls: Sequence[KernelCall],
        buffers: Mapping[str, Buffer],
        inputs: Sequence[str],
        outputs: Sequence[str],
    ) -> Lifetimes:
        """Inputs are needed from before the first call, outputs until after the last."""
        spans: dict[str, Span] = {}

        def need(name: str, moment: int) -> None:
            root, _ = root_of(buffers, name)
            span = spans.get(root, Span(moment, moment))
            spans[root] = Span(min(span.first, moment), max(span.last, moment))

        for name in inputs:
            need(name, -1)
        for index, call in enumerate(calls):
            for name in (*call.reads, *call.writes):
                if name in buffers:  # not a constant
                    need(name, index)
        for name in outputs:
            need(name, len(calls))
        return Lifetimes(buffers, spans)

    def place_of(self, name: str) -> tuple[str, int]:
        """The allocation that a buffer lies in, and how many bytes from its start."""
        return root_of(self.buffers, name)

    @property
    def in_arena(self) -> tuple[str, ...]:
        """Allocations that are not state."""
        return tuple(name for name in self.spans if not self.buffers[name].is_state)

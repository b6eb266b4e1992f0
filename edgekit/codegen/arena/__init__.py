"""The arena planner: one block of memory for the whole network, every byte placed at build time.

`lifetimes` says when each buffer is needed, `overlaps` which of them may share bytes while both are, `order`
in which order operators need least, and `placement` where everything goes; `plan` puts them together.
"""

from __future__ import annotations

from edgekit.codegen.arena.overlaps import Kernels
from edgekit.codegen.arena.plan import (
    ALIGNMENT,
    BARE,
    LINUX,
    Alignment,
    Arrangement,
    arrange,
    plan_memory,
    with_overread,
)

__all__ = [
    "ALIGNMENT",
    "BARE",
    "LINUX",
    "Alignment",
    "Arrangement",
    "Kernels",
    "arrange",
    "plan_memory",
    "with_overread",
]

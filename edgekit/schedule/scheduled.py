"""What a template gives: a scheduled kernel, and how it wants its constants laid out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from edgekit.artifacts import SharedKernel

Packer = Callable[[NDArray[Any]], NDArray[Any]]
Merger = Callable[[tuple[NDArray[Any], ...]], tuple[NDArray[Any], ...]]


@dataclasses.dataclass(frozen=True)
class Scheduled:
    """A scheduled PrimFunc; or `shared`, what is computed by a function that layers share, with no PrimFunc.

    `packers` maps positions in a call's reads to the new layout of that constant; or `merge` makes of all
    constants of a call, in their order, those that are read instead, after the buffers. `kernels` names the
    folder of micro-kernels that it calls, and `overread_bytes` how far past its operands those may read.
    """

    function: Any
    packers: Mapping[int, Packer] = dataclasses.field(default_factory=dict)
    kernels: str | None = None
    overread_bytes: int = 0
    shared: SharedKernel | None = None
    merge: Merger | None = None

"""What a template gives: a scheduled kernel, and how it wants its constants laid out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

Packer = Callable[[NDArray[Any]], NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class Scheduled:
    """A scheduled PrimFunc. `packers` maps positions in a call's reads to the new layout of that constant."""

    function: Any
    packers: Mapping[int, Packer] = dataclasses.field(default_factory=dict)

"""What is shipped: golden vectors, engines, bundles."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Golden:
    """What a model must answer: frames in sequence, the first of them on fresh state.

    Every array has the frames on its leading axis, then the tensor's shape. Where the oracle's
    interpreter is not on the build machine, or lacks one of the model's operators, `outputs` and
    `oracle` are None and `unchecked` says why.
    """

    inputs: tuple[NDArray[Any], ...]  # one array an input
    outputs: tuple[NDArray[Any], ...] | None  # one array an output
    oracle: str | None  # "tflite-micro 0.dev2026…"
    unchecked: str | None = None

    @property
    def frames(self) -> int:
        """Number of invocations."""
        return int(self.inputs[0].shape[0]) if self.inputs else 0


class Engine(StrEnum):
    """What runs a bundle's model on the device; a manifest's "engine"."""

    EDGEKIT = "edgekit"  # a library of its own kernels: bit-exact to the oracle, nothing else needed
    LITERT = "litert"  # LiteRT, which must be there, on the .tflite file


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bundle:
    """A complete build folder and the manifest read from it (`package/manifest.py` has its schema)."""

    path: Path
    manifest: Mapping[str, Any]

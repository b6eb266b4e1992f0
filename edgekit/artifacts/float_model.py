"""A trained model before it is quantized: a float32 flatbuffer, and where it came from."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.artifacts.graph import DType


@dataclasses.dataclass(frozen=True, kw_only=True)
class FloatTensor:
    """An input or an output of a float model; its first axis is the batch, which is 1."""

    name: str
    shape: tuple[int, ...]
    dtype: DType


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelOrigin:
    """What a user gave, and what made a float32 TFLite model of it."""

    format: str  # "tflite", "keras" (.keras and .h5) or "saved-model"
    file_name: str  # of the file or folder, without what leads to it
    digest: str  # SHA-256 of the file, or of a folder's files in the order of their names
    converter: Mapping[str, str]  # name -> version of the tools that converted it; empty: nothing did
    signature: str | None = None  # the one that was taken, where a model has names for them


@dataclasses.dataclass(frozen=True, kw_only=True)
class FloatModel:
    """A float32 TFLite model. Its inputs are float32; a batch left open in the origin is 1 here."""

    name: str
    flatbuffer: bytes
    digest: str  # SHA-256 of the flatbuffer, lower-case hex
    inputs: tuple[FloatTensor, ...]
    outputs: tuple[FloatTensor, ...]
    origin: ModelOrigin

"""Run a model on this machine the way a build would, without a bundle: for operator tests."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.codegen import generate, library_name, resolve_host_cpu
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.runtime.edgekit_model import Model
from edgekit.schedule import schedule
from edgekit.target import load_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.artifacts import Code
    from edgekit.target import Target

    Frame = Sequence[NDArray[Any]]


def run_native(
    flatbuffer: bytes, frames: Sequence[Frame], target: Target | None = None
) -> list[tuple[NDArray[Any], ...]]:
    """Outputs of each frame in turn, by the library that a build for this machine ships.

    Another `target` must be one whose code this machine runs too.
    """
    return run_library(native_code(flatbuffer, target), frames)


def native_code(flatbuffer: bytes, target: Target | None = None) -> Code:
    """The library of a model named "model" for this machine, or for a target whose code it runs too."""
    model = read_tflite(flatbuffer, name="model")
    return generate(model, schedule(lower(model), resolve_host_cpu(target or load_target("host"))))


def run_library(code: Code, frames: Sequence[Frame], threads: int = 1) -> list[tuple[NDArray[Any], ...]]:
    """Outputs of each frame in turn, by the library of a model named "model"."""
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        path = Path(folder) / library_name("model")
        path.write_bytes(code.files[path.name])
        instance = Model(str(path), threads)
        return [tuple(instance.invoke(*frame)) for frame in frames]

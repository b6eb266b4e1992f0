"""The two engines that are measured, behind one call: run the network once on the input it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from edgekit.runtime.edgekit_model import Model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edgekit.artifacts import Bundle


class Engine(Protocol):
    """Something that runs a network."""

    name: str

    def once(self) -> None:
        """One invocation. Nothing is copied in or out."""
        ...


class EdgeKitEngine:
    """The library of a bundle, in this process."""

    name = "EdgeKit"

    def __init__(self, bundle: Bundle) -> None:
        library = next(name for name in bundle.manifest["files"] if name.startswith("lib"))
        self._model = Model(bundle.path / library)

    def once(self) -> None:
        """One invocation."""
        self._model.invoke_in_place()

    def outputs(self, frame: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Its answer to one frame."""
        return self._model.invoke(*frame)


class LiteRtEngine:
    """LiteRT's interpreter with its default delegate, XNNPACK, in this process."""

    name = "LiteRT"

    def __init__(self, path: Path, threads: int) -> None:
        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()

    def once(self) -> None:
        """One invocation."""
        self._interpreter.invoke()

    def feed(self, frame: Sequence[NDArray[Any]]) -> None:
        """Write the inputs, once."""
        for detail, array in zip(self._interpreter.get_input_details(), frame, strict=True):
            self._interpreter.set_tensor(detail["index"], array)


def golden_frames(bundle: Bundle) -> tuple[list[list[NDArray[Any]]], list[list[NDArray[Any]]]]:
    """The golden vectors of a bundle: inputs and the oracle's answers, frame by frame."""
    with np.load(bundle.path / "golden.npz") as arrays:
        columns = {
            kind: [arrays[n] for n in sorted(arrays) if n.startswith(kind)] for kind in ("input", "output")
        }
    frames = len(columns["input"][0])
    inputs = [[column[i] for column in columns["input"]] for i in range(frames)]
    return inputs, [[column[i] for column in columns["output"]] for i in range(frames)]

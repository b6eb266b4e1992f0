"""The two engines that are measured, behind one call: run the network once on the input it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ai_edge_litert.interpreter import Interpreter

from edgekit.devices.frames import frames_of
from edgekit.devices.workspace import library_name
from edgekit.runtime.edgekit_model import Model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edgekit.artifacts import Bundle, Golden


class Engine(Protocol):
    """Something that runs a network."""

    def once(self) -> None:
        """One invocation. Nothing is copied in or out."""
        ...


class EdgeKitEngine:
    """The library of a bundle, in this process."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        self._model = Model(bundle.path / library_name(bundle), threads=threads)

    def once(self) -> None:
        """One invocation."""
        self._model.invoke_in_place()

    def is_exact(self, golden: Golden) -> bool:
        """Whether it gives the oracle's bytes to every golden frame, in sequence."""
        if golden.outputs is None:
            return False
        self._model.reset()
        return all(
            _same_bytes(self._model.invoke(*frame), expected)
            for frame, expected in zip(frames_of(golden.inputs), frames_of(golden.outputs), strict=True)
        )


class LiteRtEngine:
    """LiteRT's interpreter with its default delegate, XNNPACK, in this process."""

    def __init__(self, path: Path, threads: int, frame: Sequence[NDArray[Any]]) -> None:
        """Load a model and feed it a frame."""
        self.threads = threads
        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        for detail, array in zip(self._interpreter.get_input_details(), frame, strict=True):
            self._interpreter.set_tensor(detail["index"], array)

    def once(self) -> None:
        """One invocation."""
        self._interpreter.invoke()


def _same_bytes(actual: Sequence[NDArray[Any]], expected: Sequence[NDArray[Any]]) -> bool:
    return all(a.tobytes() == e.tobytes() for a, e in zip(actual, expected, strict=True))

"""The two engines that are measured, behind one call: run the network once on the input it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from edgekit.devices.frames import frames_of
from edgekit.devices.workspace import library_name
from edgekit.errors import NoDelegateError
from edgekit.runtime.edgekit_model import Model
from edgekit.runtime.litert_runner import LiteRt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edgekit.artifacts import Bundle, Golden


class Engine(Protocol):
    """Something that runs a network."""

    @property
    def once(self) -> Callable[[], object]:
        """One invocation, called without a wrapper of ours. Nothing is copied in or out."""
        ...


class EdgeKitEngine:
    """The library of a bundle, in this process."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        self._model = Model(bundle.path / library_name(bundle), threads=threads)
        self.once = self._model.invoke_in_place

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
        """Load a model and feed it a frame.

        Raises:
            NoDelegateError: LiteRT would run it without XNNPACK, and its times would say nothing about it.
        """
        self.threads = threads
        self._model = LiteRt(str(path), threads)  # what is called does not keep it alive
        if not self._model.uses_xnnpack:
            raise NoDelegateError(
                f"LiteRT runs {path.stem} without its XNNPACK delegate.",
                why="The delegate takes none of the model's operators, or does not know this CPU.",
                fix="Leave the model out: its ratio would say nothing about LiteRT at its best.",
            )
        self._model.feed(b"".join(array.tobytes() for array in frame))
        self.once = self._model.bare_invoke


def _same_bytes(actual: Sequence[NDArray[Any]], expected: Sequence[NDArray[Any]]) -> bool:
    return all(a.tobytes() == e.tobytes() for a, e in zip(actual, expected, strict=True))

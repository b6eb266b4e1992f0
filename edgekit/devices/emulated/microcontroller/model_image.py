"""The image of a model: its sources, and what runs it (runtime/firmware/main.c)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edgekit.devices.emulated.microcontroller.image import Part, Source, build_image
from edgekit.runtime import runtime_file
from edgekit.target import target_from_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from edgekit.artifacts import Bundle
    from edgekit.devices.emulated.microcontroller.image import Image
    from edgekit.devices.emulated.microcontroller.machine import Place
    from edgekit.target import Target

_PROGRAM = ("main.c", "description.c")
_SOURCES, _SELF_TEST = "src", "_self_test.c"
_HEADERS = ("include", "src", "src/kernels")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelSources:
    """A microcontroller's model as C in a folder, laid out as in a bundle."""

    folder: Path
    files: Sequence[str]  # paths in the folder
    prefix: str  # of the model's functions
    arena_bytes: int
    state_bytes: int
    flags: Sequence[str]  # that the sources are to be compiled with


def model_image(bundle: Bundle, directory: Path, place: Place | None = None) -> Image:
    """Compile and link a firmware bundle's model for an emulated target, or for the board itself.

    It is optimized as the bundle's own CMakeLists.txt has it.

    Args:
        bundle: a bundle for a microcontroller, whose files were checked.
        directory: an existing folder for the objects and the image.
        place: the board's own, where the image is not for an emulated one.

    Raises:
        NotEmulatedError, ToolMissingError, EmulatorFailedError: as `build_image`.
    """
    return sources_image(
        bundle_sources(bundle), target_from_fields(bundle.manifest["target"]), directory, place
    )


def bundle_sources(bundle: Bundle) -> ModelSources:
    """What a firmware bundle, whose files were checked, says of its sources."""
    firmware, memory = bundle.manifest["firmware"], bundle.manifest["memory"]
    return ModelSources(
        folder=bundle.path.absolute(),
        files=tuple(bundle.manifest["files"]),
        prefix=firmware["prefix"],
        arena_bytes=memory["arena_bytes"],
        state_bytes=memory["state_bytes"],
        flags=firmware["flags"],
    )


def sources_image(
    sources: ModelSources, target: Target, directory: Path, place: Place | None = None
) -> Image:
    """Likewise, of sources that are in no bundle.

    Raises:
        NotEmulatedError, ToolMissingError, EmulatorFailedError: as `build_image`.
    """
    return build_image(
        image_sources(sources),
        target,
        directory,
        includes=header_folders(sources),
        optimization=next(flag for flag in sources.flags if flag.startswith("-O")),
        place=place,
    )


def header_folders(sources: ModelSources) -> list[Path]:
    """Where a model's sources find their headers."""
    return [sources.folder / name for name in _HEADERS]


def image_sources(sources: ModelSources) -> list[Source]:
    """The C files of a model's image: those of what runs it, then its own."""
    prefix = sources.prefix
    defines = (
        f"MODEL_INVOKE={prefix}_invoke",
        f"MODEL_RESET={prefix}_reset",
        f"MODEL_DESCRIBE={prefix}_describe",
        f"ARENA_BYTES={sources.arena_bytes}u",
        f"STATE_BYTES={sources.state_bytes}u",
    )
    folder = runtime_file("firmware")
    program = [Source(path=folder / name, part=Part.HARNESS, defines=defines) for name in _PROGRAM]
    return [*program, *_parts(sources)]


def _parts(sources: ModelSources) -> Iterator[Source]:
    parts = {
        f"{_SOURCES}/{sources.prefix}_weights.c": Part.WEIGHTS,
        # Strings for people, which a firmware links only if it asks for them.
        f"{_SOURCES}/{sources.prefix}_description.c": Part.HARNESS,
    }
    for name in sources.files:
        if name.startswith(f"{_SOURCES}/") and name.endswith(".c") and not name.endswith(_SELF_TEST):
            yield Source(
                path=sources.folder / name, part=parts.get(name, Part.CODE), defines=("EDGEKIT_STEPS",)
            )

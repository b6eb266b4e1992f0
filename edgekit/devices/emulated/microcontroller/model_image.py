"""The image of a model: its sources out of a bundle, and what runs it (runtime/firmware/main.c)."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from edgekit.devices.emulated.microcontroller.image import (
    OPTIMIZATION,
    Compiler,
    Part,
    Source,
    build_image,
)
from edgekit.runtime import runtime_file
from edgekit.target import target_from_fields

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edgekit.artifacts import Bundle
    from edgekit.devices.emulated.microcontroller.image import Image

_PROGRAM = ("main.c", "description.c")
_SOURCES, _KERNELS, _HEADERS = "src", "kernels", "include"


def model_image(
    bundle: Bundle,
    directory: Path,
    *,
    optimization: str = OPTIMIZATION,
    compiler: Compiler = Compiler.GCC,
) -> Image:
    """Compile and link a firmware bundle's model for the machine that stands in for its target.

    Args:
        bundle: a bundle for a microcontroller, whose files were checked.
        directory: an existing folder for the objects and the image.
        optimization: for all sources.
        compiler: for the bundle's sources.

    Raises:
        NotEmulatedError, ToolMissingError, EmulatorFailedError: as `build_image`.
    """
    prefix, memory = bundle.manifest["firmware"]["prefix"], bundle.manifest["memory"]
    defines = (
        f"MODEL_INVOKE={prefix}_invoke",
        f"MODEL_RESET={prefix}_reset",
        f"MODEL_DESCRIBE={prefix}_describe",
        f"ARENA_BYTES={memory['arena_bytes']}u",
        f"STATE_BYTES={memory['state_bytes']}u",
    )
    folder = runtime_file("firmware")
    program = [Source(path=folder / name, part=Part.HARNESS, defines=defines) for name in _PROGRAM]
    return build_image(
        [*program, *_sources(bundle, prefix)],
        target_from_fields(bundle.manifest["target"]),
        directory,
        includes=[bundle.path.absolute() / name for name in (_HEADERS, _KERNELS)],
        optimization=optimization,
        compiler=compiler,
    )


def _sources(bundle: Bundle, prefix: str) -> Iterator[Source]:
    parts = {
        f"{prefix}_weights": Part.WEIGHTS,
        # Strings for people, which a firmware links only if it asks for them.
        f"{prefix}_description": Part.HARNESS,
    }
    for name in bundle.manifest["files"]:
        path = PurePosixPath(name)
        folder = path.parts[0]
        if path.suffix != ".c" or folder not in (_SOURCES, _KERNELS) or path.stem == f"{prefix}_self_test":
            continue
        part = parts.get(path.stem, Part.CODE) if folder == _SOURCES else Part.CODE
        yield Source(path=bundle.path.absolute() / path, part=part, defines=("EDGEKIT_STEPS",))

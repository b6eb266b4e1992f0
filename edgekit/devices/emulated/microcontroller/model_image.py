"""The image of a model: its sources out of a bundle, and what runs it (runtime/firmware/main.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.devices.emulated.microcontroller.image import Part, Source, build_image
from edgekit.runtime import runtime_file
from edgekit.target import target_from_fields

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edgekit.artifacts import Bundle
    from edgekit.devices.emulated.microcontroller.image import Image

_PROGRAM = ("main.c", "description.c")
_SOURCES, _SELF_TEST = "src", "_self_test.c"
_HEADERS = ("include", "src", "src/kernels")


def model_image(bundle: Bundle, directory: Path) -> Image:
    """Compile and link a firmware bundle's model for the machine that stands in for its target.

    It is optimized as the bundle's own CMakeLists.txt has it.

    Args:
        bundle: a bundle for a microcontroller, whose files were checked.
        directory: an existing folder for the objects and the image.

    Raises:
        NotEmulatedError, ToolMissingError, EmulatorFailedError: as `build_image`.
    """
    firmware, memory = bundle.manifest["firmware"], bundle.manifest["memory"]
    prefix = firmware["prefix"]
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
        includes=[bundle.path.absolute() / name for name in _HEADERS],
        optimization=next(flag for flag in firmware["flags"] if flag.startswith("-O")),
    )


def _sources(bundle: Bundle, prefix: str) -> Iterator[Source]:
    parts = {
        f"{_SOURCES}/{prefix}_weights.c": Part.WEIGHTS,
        # Strings for people, which a firmware links only if it asks for them.
        f"{_SOURCES}/{prefix}_description.c": Part.HARNESS,
    }
    for name in bundle.manifest["files"]:
        if name.startswith(f"{_SOURCES}/") and name.endswith(".c") and not name.endswith(_SELF_TEST):
            path = bundle.path.absolute() / name
            yield Source(path=path, part=parts.get(name, Part.CODE), defines=("EDGEKIT_STEPS",))

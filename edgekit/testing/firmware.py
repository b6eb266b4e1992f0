"""Run a microcontroller's C on this machine: the same sources, compiled for it into a library."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.codegen.firmware import generate_firmware
from edgekit.codegen.firmware.c_text import model_prefix
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.runtime import runtime_file
from edgekit.runtime.edgekit_model import Model
from edgekit.schedule import schedule
from edgekit.target import load_target
from edgekit.toolchain import zig_cc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from edgekit.artifacts import FirmwareSources

    Frame = Sequence[NDArray[Any]]

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
_TRAPS = ("-fsanitize=undefined", "-fsanitize-trap=undefined", "-fno-sanitize=alignment")


def firmware_code(flatbuffer: bytes, target: str = "cortex-m4", name: str = "model") -> FirmwareSources:
    """The C sources of a model for a microcontroller."""
    model = read_tflite(flatbuffer, name=name)
    return generate_firmware(model, schedule(lower(model), load_target(target)))


def run_firmware(
    flatbuffer: bytes, frames: Sequence[Frame], target: str = "cortex-m4"
) -> list[tuple[NDArray[Any], ...]]:
    """Outputs of each frame in turn, by the C sources for a target."""
    return run_sources(firmware_code(flatbuffer, target).files, frames)


def run_sources(
    files: Mapping[str, bytes], frames: Sequence[Frame], name: str = "model"
) -> list[tuple[NDArray[Any], ...]]:
    """Outputs of each frame in turn, by the C sources of a model called `name`.

    What has no meaning in C, as shifting by too much or overflowing, ends the process.
    """
    prefix = model_prefix(name)
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        directory = Path(folder)
        write_sources(directory, files)
        (directory / "library.c").write_text(
            f'#include "edgekit.h"\n#include "{prefix}.h"\n'
            f"const edgekit_model *edgekit_model_get(void) {{ return {prefix}_describe(); }}\n"
        )
        sources = [path for path in sorted(files) if path.endswith(".c")]
        target = load_target("host")
        zig_cc(
            ["-O1", *WARNINGS, *_TRAPS, "-shared", "-Iinclude", *sources, "library.c", "-o", "model.so"],
            triple=target.triple,
            glibc=target.glibc,
            directory=directory,
        )
        instance = Model(str(directory / "model.so"))
        return [tuple(instance.invoke(*frame)) for frame in frames]


def write_sources(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write a package's files, and edgekit.h, to a folder."""
    for name, content in {"include/edgekit.h": runtime_file("edgekit.h").read_bytes(), **files}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

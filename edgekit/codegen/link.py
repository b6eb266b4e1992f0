"""Kernels, constants and entry point become one shared library that needs the C library at most."""

from __future__ import annotations

import dataclasses
import functools
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from elftools.elf.elffile import ELFFile

from edgekit.kernels import kernel_folder
from edgekit.runtime import runtime_file
from edgekit.toolchain import zig_cc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.target import Target

_HEADERS = ("edgekit.h", "edgekit_pool.h")
_EXPORTS = "{ global: edgekit_model_get; local: *; };\n"
# The constants go in by the assembler: no compiler parses them.
_CONSTANTS = """\
  .section .rodata.edgekit_constants,"a",%progbits
  .balign 64
  .globl edgekit_constants
  .hidden edgekit_constants
edgekit_constants:
  .incbin "constants.bin"
  .byte 0
  .section .note.GNU-stack,"",%progbits
"""
_COMPILE = (
    "-O3",
    "-std=c99",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Werror",
    "-fno-stack-protector",
    "-ffunction-sections",
)
_LINK = (
    "-shared",
    "-Wl,--gc-sections",
    "-Wl,--version-script=exports.map",
    "-Wl,--strip-debug",
    "-Wl,--as-needed",
)


@dataclasses.dataclass(frozen=True)
class Library:
    """A shared library, and the bytes of machine code in it."""

    content: bytes
    code_bytes: int


def link_library(
    name: str,
    source: str,
    kernels: bytes,
    constants: bytes,
    target: Target,
    micro_kernels: Sequence[str] = (),
) -> Library:
    """Compile `source` and link it with an object file of kernels and a block of constants.

    `micro_kernels` names folders of edgekit/kernels whose C sources are linked in too.
    """
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        directory = Path(folder)
        for file in _HEADERS:
            (directory / file).write_bytes(runtime_file(file).read_bytes())
        (directory / "model.c").write_text(source)
        (directory / "kernels.o").write_bytes(kernels)
        (directory / "constants.bin").write_bytes(constants)
        (directory / "constants.S").write_text(_CONSTANTS)
        (directory / "exports.map").write_text(_EXPORTS)
        sources = [*_micro_kernel_sources(micro_kernels), runtime_file("edgekit_pool.c")]
        objects = ["kernels.o"]
        for path in sources:
            objects.append(f"{path.parent.name}-{path.stem}.o")
            (directory / objects[-1]).write_bytes(_compiled(path, target.triple, target.glibc))
        zig_cc(
            [*_COMPILE, *_LINK, f"-Wl,-soname,{name}", "model.c", "constants.S", *objects, "-o", name],
            triple=target.triple,
            glibc=target.glibc,
            directory=directory,
        )
        content = (directory / name).read_bytes()
    return Library(content, _code_bytes(content))


def _micro_kernel_sources(folders: Sequence[str]) -> list[Path]:
    with_common = (*folders, "common") if folders else ()
    sources = (path for folder in with_common for path in kernel_folder(folder).iterdir())
    return sorted(path for path in sources if path.suffix in {".c", ".S"})


@functools.cache
def _compiled(path: Path, triple: str, glibc: str) -> bytes:
    """The object file of a source of ours. A process that builds many libraries compiles it once.

    It is compiled where it lies, so that zig's cache knows it again: micro-kernels take seconds.
    """
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        compiled = Path(folder) / "compiled.o"
        zig_cc(
            [*_COMPILE, "-c", path.name, "-o", str(compiled)],
            triple=triple,
            glibc=glibc,
            directory=path.parent,
        )
        return compiled.read_bytes()


def _code_bytes(library: bytes) -> int:
    elf = ELFFile(io.BytesIO(library))
    return sum(int(s["sh_size"]) for s in elf.iter_sections() if s.name.startswith(".text"))

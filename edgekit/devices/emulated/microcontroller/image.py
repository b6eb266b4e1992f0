"""Making a bare-metal image: start-up code, a program, and a model's sources, by GCC for the core.

GCC is the compiler of record: it is what most firmware is built with, and what the peer's figures were taken
with (scripts/benchmarks/tflm.py). zig's clang can compile the sources in its place.
"""

from __future__ import annotations

import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import TYPE_CHECKING

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from edgekit.devices.emulated.microcontroller.linker_script import linker_script
from edgekit.devices.emulated.microcontroller.machine import machine_of, traps_unaligned
from edgekit.devices.emulated.tools import run_tool
from edgekit.devices.workspace import IMAGE_NAME
from edgekit.runtime import runtime_file
from edgekit.toolchain import zig_bare, zig_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from edgekit.devices.emulated.microcontroller.machine import Place
    from edgekit.target import Target

OPTIMIZATION = "-O2"
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
STACK_BYTES = 8192
_FLAGS = ("-std=c99", "-ffreestanding", "-ffunction-sections", "-fdata-sections", "-fno-common")
# As GCC does without being asked.
_ZIG_FLAGS = ("-fshort-enums", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables")
# Else GCC would make a call of memset out of memset's own loop.
_START_UP_FLAGS = ("-fno-tree-loop-distribute-patterns",)
_LINK_FLAGS = ("-nostdlib", "-nostartfiles", "-static", "-Wl,--gc-sections", "-Wl,--build-id=none")
_CODE, _WEIGHTS = ".model_code", ".model_weights"  # in linker_script.py


class Part(StrEnum):
    """Whose bytes an object file's are, in the image's flash. The values begin the objects' names."""

    HARNESS = "harness"  # what a user's firmware has in its place
    CODE = "code"  # the model's
    WEIGHTS = "weights"


class Compiler(StrEnum):
    """What compiles the sources; GCC links in any case."""

    GCC = "gcc"
    ZIG = "zig"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """A C file of an image."""

    path: Path
    part: Part
    defines: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Image:
    """An ELF file for a machine, and what it holds."""

    path: Path
    compiler: str  # its name and version
    code_bytes: int  # of the model's code and constants in flash, with what it calls, without weights
    weight_bytes: int
    static_bytes: int  # of the model's writable variables, which it should not have
    symbols: Mapping[str, int]  # bytes of each function and constant of the model's code


def build_image(
    sources: Sequence[Source],
    target: Target,
    directory: Path,
    *,
    includes: Sequence[Path] = (),
    optimization: str = OPTIMIZATION,
    compiler: Compiler = Compiler.GCC,
    warnings: Sequence[str] = (),
    place: Place | None = None,
) -> Image:
    """Compile and link sources for the machine that stands in for a target, or for the board itself.

    Args:
        sources: with a `main`; start-up code comes from here.
        target: gives the machine and the compiler's flags.
        directory: an existing folder for the objects and the image.
        includes: folders of headers, beside the start-up code's.
        optimization: "-O2", "-Os".
        compiler: for the sources.
        warnings: options that ask for them; none by default, since another GCC may have others.
        place: the board's own, where the image is not for an emulated one.

    Raises:
        NotEmulatedError: there is no such machine.
        ToolMissingError: the compiler is not installed.
        EmulatorFailedError: it refused a source; its words are in the message.
    """
    place = place or machine_of(target)
    board = runtime_file("firmware")
    gcc = f"{place.toolchain}-gcc"
    core = _core_flags(target)
    trap = ("EDGEKIT_TRAP_UNALIGNED",) if traps_unaligned(target) else ()
    start_up = (
        Source(path=board / "semihosting.c", part=Part.HARNESS),
        Source(path=board / place.start_up, part=Part.HARNESS, defines=trap),
        # The model's, since a firmware without a C library would have to have it for the model's sake.
        Source(path=board / "memory.c", part=Part.CODE),
    )
    folders = [word for folder in (board, *includes) for word in ("-I", str(folder))]
    # zig would make -O2 of -O3.
    foreign = (*_zig(target), "-Xclang", optimization) if compiler is Compiler.ZIG else (gcc, *core)

    def compiled(numbered: tuple[int, Source]) -> str:
        number, source = numbered
        name = f"{source.part}-{number}-{source.path.stem}.o"
        defines = [f"-D{define}" for define in source.defines]
        words = (gcc, *core, *_START_UP_FLAGS) if number < len(start_up) else foreign
        common = (*_FLAGS, *warnings, optimization, *defines, *folders, "-c", str(source.path), "-o", name)
        run_tool(
            *words, *common, purpose=f"Compiling {source.path.name} for {target.name}", directory=directory
        )
        return name

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        objects = list(pool.map(compiled, enumerate((*start_up, *sources))))
    (directory / "image.ld").write_text(linker_script(place, STACK_BYTES))
    linked = (gcc, *core, *_LINK_FLAGS, "-T", "image.ld", *objects, "-lgcc", "-o", IMAGE_NAME)
    run_tool(*linked, purpose=f"Linking an image for {target.name}", directory=directory)
    return _read_image(directory / IMAGE_NAME, _version(gcc, compiler))


def compiler_name(target: Target) -> str:
    """The compiler of a target's images, with its version.

    Raises:
        NotEmulatedError: there is no machine to make images for.
        ToolMissingError: the compiler is not installed.
    """
    return _version(f"{machine_of(target).toolchain}-gcc", Compiler.GCC)


def _core_flags(target: Target) -> tuple[str, ...]:
    assert target.microcontroller is not None, target.name
    return target.microcontroller.compiler_flags


def _zig(target: Target) -> tuple[str, ...]:
    return (*zig_bare(target.triple, target.cpu, target.features), *_ZIG_FLAGS)


def _version(gcc: str, compiler: Compiler) -> str:
    if compiler is Compiler.ZIG:
        return f"zig cc {zig_version()}"
    version = run_tool(gcc, "-dumpfullversion", purpose="Asking the compiler's version")
    return f"{gcc} {version.strip()}"


def _read_image(path: Path, compiler: str) -> Image:
    with path.open("rb") as stream:
        elf = ELFFile(stream)
        table = elf.get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection), path
        places = {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}
        sections = {section.name: (i, section.data_size) for i, section in enumerate(elf.iter_sections())}
        symbols = {
            symbol.name: symbol["st_size"]
            for symbol in table.iter_symbols()
            if symbol["st_shndx"] == sections[_CODE][0] and symbol["st_size"] > 0
        }
    initialised = places["image_data_end"] - places["image_model_data_begin"]
    return Image(
        path=path,
        compiler=compiler,
        code_bytes=sections[_CODE][1],
        weight_bytes=sections[_WEIGHTS][1] if _WEIGHTS in sections else 0,
        static_bytes=initialised + places["image_bss_end"] - places["image_model_bss_begin"],
        symbols=symbols,
    )

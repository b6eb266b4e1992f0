"""How much flash a model's code takes: its sources compiled for the core, less what is never called."""

from __future__ import annotations

import dataclasses
import io
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from edgekit.runtime import runtime_file
from edgekit.toolchain import CompilerFailedError, run_compiler, zig_bare, zig_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgekit.target import Target

FLAGS = ("-std=c99", "-O2", "-ffunction-sections", "-fdata-sections")
_MEASURED = (*FLAGS, "-ffreestanding", "-fno-common", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables")
_GCC = {"thumb": "arm-none-eabi-gcc", "riscv": "riscv64-unknown-elf-gcc"}
_MEMORY = "memory.c"  # memcpy and its like: a firmware without a C library needs them for the model's sake
# Else GCC would make a call of memset out of memset's own loop.
_OF_MEMORY = ("-fno-tree-loop-distribute-patterns",)
_UNWINDING = (".ARM.ex", ".eh_frame")


@dataclasses.dataclass(frozen=True)
class CodeSize:
    """Bytes of code and of constants in flash but weights, with all they call, and the compiler's name."""

    code_bytes: int
    compiler: str  # "arm-none-eabi-gcc 12.2.1"


def code_size(files: Mapping[str, bytes], prefix: str, target: Target) -> CodeSize:
    """Compile a model's sources, by GCC for the core where it is installed and knows it, else by zig.

    What the code calls is counted, as in an image that holds nothing else: memcpy and its like, and the
    compiler's own library (64-bit products on small cores, floats without an FPU); of zig's not the latter.

    Raises:
        CompilerFailedError: the compiler refused code of ours: a bug.
    """
    left_out = (f"{prefix}_weights.c", f"{prefix}_description.c")
    sources = [name for name in files if name.endswith(".c") and not name.endswith(left_out)]
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        directory = Path(folder)
        for name, content in files.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(content)
        compiler, words = _compiler(target, directory)
        is_gcc = not compiler.startswith("zig")
        (directory / _MEMORY).write_bytes(runtime_file(f"firmware/{_MEMORY}").read_bytes())
        compiled = {source: f"{number}.o" for number, source in enumerate((*sources, _MEMORY))}
        for source, name in compiled.items():
            own = _OF_MEMORY if source == _MEMORY and is_gcc else ()
            run_compiler([*words, *_MEASURED, *own, "-c", source, "-o", name], directory)
        roots = [f"-Wl,-u,{prefix}_{entry}" for entry in ("invoke", "reset")]
        link = ["-nostdlib", "-r", "-Wl,--gc-sections", *roots, *compiled.values()]
        library = ["-lgcc"] if is_gcc else []
        run_compiler([*words, *link, *library, "-o", "model.o"], directory)
        return CodeSize(_bytes_in_flash((directory / "model.o").read_bytes()), compiler)


def _compiler(target: Target, directory: Path) -> tuple[str, Sequence[str]]:
    assert target.microcontroller is not None, target.name
    gcc = next(name for start, name in _GCC.items() if target.triple.startswith(start))
    words = [gcc, *target.microcontroller.compiler_flags]
    if shutil.which(gcc) is not None and _knows_core(words, directory):
        return f"{gcc} {run_compiler([gcc, '-dumpfullversion'], directory).strip()}", words
    return f"zig {zig_version()}", zig_bare(target.triple, target.cpu, target.features)


def _knows_core(words: Sequence[str], directory: Path) -> bool:
    (directory / "empty.c").write_text("")
    try:
        run_compiler([*words, "-c", "empty.c", "-o", "empty.o"], directory)
    except CompilerFailedError:
        return False
    return True


def _bytes_in_flash(content: bytes) -> int:
    """Of an object file: the size of everything that is loaded and never written, each part aligned.

    Tables for unwinding are left out: C needs none.
    """
    sections = ELFFile(io.BytesIO(content)).iter_sections()
    return sum(
        -(-int(section["sh_size"]) // alignment) * alignment
        for section in sections
        if section["sh_flags"] & SH_FLAGS.SHF_ALLOC
        and not section["sh_flags"] & SH_FLAGS.SHF_WRITE
        and section["sh_type"] == "SHT_PROGBITS"
        and not section.name.startswith(_UNWINDING)
        for alignment in [max(1, int(section["sh_addralign"]))]
    )

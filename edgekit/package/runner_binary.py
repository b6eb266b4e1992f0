"""The native runner for a target: our C sources through the C compiler, kept by content."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.paths import cache_directory
from edgekit.runtime import runtime_file
from edgekit.toolchain import zig_cc, zig_target, zig_version

if TYPE_CHECKING:
    from edgekit.target import Target

RUNNER_NAME = "edgekit-runner"

# The symbol table stays: an instruction counter looks up edgekit_step_mark.
_FLAGS = (
    "-std=c99",
    "-D_POSIX_C_SOURCE=200809L",
    "-Os",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-rdynamic",
    "-g1",  # without -g, zig strips the symbol table too
    "-Wl,--compress-debug-sections=zlib",  # of zig's own support code on armv7, 600 KB
)
_LIBRARIES = ("-ldl", "-lpthread")


def build_runner(target: Target) -> bytes:
    """The runner's executable for a target's userland; it needs nothing but its C library.

    Compiled once (about 2 s), then taken from the cache until its sources, the compiler or the
    target's triple change. The same sources give the same bytes on every machine.

    Raises:
        ToolMissingError: the C compiler is not installed.
    """
    sources = _sources()
    cached = cache_directory("runner", _key(sources, target), RUNNER_NAME)
    if not cached.is_file():
        _store(cached, _compile(sources, target))
    return cached.read_bytes()


def _sources() -> dict[str, bytes]:
    header = runtime_file("edgekit.h")
    paths = [*sorted(header.parent.glob("runner*.[ch]")), header]
    return {path.name: path.read_bytes() for path in paths}


def _key(sources: dict[str, bytes], target: Target) -> str:
    digest = hashlib.sha256()
    parts = [zig_target(target.triple, target.glibc).encode(), zig_version().encode()]
    parts += [flag.encode() for flag in (*_FLAGS, *_LIBRARIES)]
    for name, content in sources.items():
        parts += [name.encode(), content]
    for part in parts:  # lengths keep two neighbours from reading as another two
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:32]


def _compile(sources: dict[str, bytes], target: Target) -> bytes:
    with tempfile.TemporaryDirectory(prefix="edgekit-runner-") as name:
        directory = Path(name)
        for file, content in sources.items():
            (directory / file).write_bytes(content)
        units = sorted(file for file in sources if file.endswith(".c"))
        zig_cc(
            [*_FLAGS, *units, *_LIBRARIES, "-o", RUNNER_NAME],
            triple=target.triple,
            glibc=target.glibc,
            directory=directory,
        )
        return (directory / RUNNER_NAME).read_bytes()


def _store(path: Path, content: bytes) -> None:
    """Write whole or not at all: another build may read or write the same file now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as partial:
        partial.write(content)
    Path(partial.name).replace(path)

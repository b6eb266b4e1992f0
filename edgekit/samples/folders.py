"""What lies in a folder of samples: files of one kind, flat or in a folder for each class."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import numpy as np

from edgekit.samples.errors import SamplesNotFoundError, SamplesUnreadableError, UnknownSamplesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Progress = Callable[[str, float | None], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """The files of a folder in the order of their names, class by class."""

    folder: Path
    kind: str
    files: tuple[Path, ...]
    names: tuple[str, ...]  # of the files, from the folder on
    labels: NDArray[np.int64] | None  # of each file; None: they are in no class folders
    classes: tuple[str, ...]  # the name of each label; () if the folders' names are the labels

    def in_turn(self, progress: Progress) -> Iterator[Path]:
        """The files one by one, telling how many of them are done."""
        for number, file in enumerate(self.files):
            progress("reading the samples", number / len(self.files))
            yield file


def list_folder(folder: Path, kinds: Mapping[str, str]) -> Listing:
    """The samples in a folder. `kinds` says what kind of sample the ending of a file's name means.

    Names with a dot in front, and files of endings that mean no sample, are passed over.

    Raises:
        SamplesNotFoundError: there is none.
        UnknownSamplesError: several kinds, or some in class folders and some not.
        SamplesUnreadableError: the folder.
    """
    try:
        flat = _files(folder, kinds)
        inner = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
        by_class = {path.name: files for path in inner if (files := _files(path, kinds))}
    except OSError as error:
        raise SamplesUnreadableError(
            f"{folder} cannot be read.", why=f"{error.strerror or error}.", fix="Check its permissions."
        ) from error
    files = flat or [path for found in by_class.values() for path in found]
    if not files:
        raise SamplesNotFoundError(
            f"{folder} holds no sample.",
            why=f"No file in it, or in a folder in it, ends in {', '.join(kinds)}.",
            fix="Put the samples there, in a folder for each class if they have labels.",
        )
    if flat and by_class:
        raise _mixed(folder, f"{flat[0].name} is in no class folder, and {next(iter(by_class))}/ is one")
    found = {kinds[path.suffix.lower()]: path.name for path in files}
    if len(found) > 1:
        raise _mixed(folder, "It has " + " and ".join(f"{kind} ({name})" for kind, name in found.items()))
    labels, classes = _labels(by_class)
    return Listing(
        folder=folder,
        kind=next(iter(found)),
        files=tuple(files),
        names=tuple(path.relative_to(folder).as_posix() for path in files),
        labels=None if flat else labels,
        classes=classes,
    )


def _files(folder: Path, kinds: Mapping[str, str]) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in kinds and path.name[0] != "." and path.is_file()
    )


def _labels(by_class: Mapping[str, list[Path]]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Folders named by whole numbers are these labels; other names are numbered in their order."""
    are_numbers = all(re.fullmatch(r"[0-9]{1,9}", name) for name in by_class)
    numbers = [int(name) for name in by_class] if are_numbers else list(range(len(by_class)))
    counts = [len(files) for files in by_class.values()]
    return np.repeat(np.array(numbers, np.int64), counts), () if are_numbers else tuple(by_class)


def _mixed(folder: Path, why: str) -> UnknownSamplesError:
    return UnknownSamplesError(
        f"{folder} holds samples of several kinds.",
        why=f"{why}.",
        fix="Keep one kind: all in class folders, or none; all images, all .npy or all .wav.",
    )

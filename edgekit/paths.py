"""Where EdgeKit's own files lie: data shipped with the package, and the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_directory(kind: str) -> Path:
    """The folder of shipped "targets" or "recipes".

    A wheel carries them inside the package; in a checkout they lie beside it, and win nothing:
    a package that has its own copy never looks outside itself.
    """
    packaged = _PACKAGE / "_data" / kind
    return packaged if packaged.is_dir() else _PACKAGE.parent / kind


def cache_directory(*parts: str) -> Path:
    """A folder in the user's cache ($EDGEKIT_CACHE, else $XDG_CACHE_HOME/edgekit, else ~/.cache/edgekit).

    It is not created here. Everything in it can be made again, so it may be deleted at any time.
    """
    chosen = os.environ.get("EDGEKIT_CACHE")
    if chosen:
        return Path(chosen).absolute().joinpath(*parts)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache").joinpath("edgekit", *parts)

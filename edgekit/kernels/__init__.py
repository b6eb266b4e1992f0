"""Micro-kernels in C that schedule templates call, one folder a class of CPUs. Files, nothing to import.

Each folder's sources are compiled with the flags in its `flags.txt` and linked into a model's library;
functions that a model does not call are dropped.
"""

from __future__ import annotations

from pathlib import Path


def kernel_folder(name: str) -> Path:
    """The folder of a class of CPUs: "neon"."""
    return Path(__file__).resolve().parent / name

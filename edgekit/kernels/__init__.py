"""Micro-kernels in C and assembly that schedule templates call, one folder a class of CPUs. No modules.

Each folder's sources are compiled and linked into a model's library, and functions that a model does not
call are dropped. Functions name the CPU features that they use, so that a folder may hold some for CPUs with
and without one. What several folders share lies in common/, whose sources are linked in with those of any.
"""

from __future__ import annotations

from pathlib import Path


def kernel_folder(name: str) -> Path:
    """The folder of a class of CPUs, "neon" or "x86", or "common"."""
    return Path(__file__).resolve().parent / name

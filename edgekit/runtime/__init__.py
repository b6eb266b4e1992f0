"""What runs on a device, as files: the C interface, the runner, the Python binding. Nothing to import."""

from __future__ import annotations

from pathlib import Path


def runtime_file(name: str) -> Path:
    """The path of a file in this folder."""
    return Path(__file__).resolve().parent / name

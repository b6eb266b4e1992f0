"""`--dump DIR`: the value after every stage, as numbered text."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

_T = TypeVar("_T")


class Dump:
    """Writes each value it is shown to `directory`, or nothing if that is None."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._count = 0

    def __call__(self, stage: str, value: _T) -> _T:
        """Write `value` as `<number>-<stage>.txt` and return it."""
        self._count += 1
        if self._directory is not None:
            self._directory.mkdir(parents=True, exist_ok=True)
            path = self._directory / f"{self._count:02d}-{stage}.txt"
            path.write_text("\n".join(describe(value)) + "\n", encoding="utf-8")
        return value


def describe(value: Any, indent: str = "") -> list[str]:
    """Lines that show a frozen value, its fields and their items; arrays by shape, bytes by length."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
        return [f"{indent}{type(value).__name__}", *_items(fields, indent)]
    if isinstance(value, dict):
        return [f"{indent}mapping of {len(value)}", *_items(value.items(), indent)]
    if isinstance(value, tuple) and len(value) > 4 and dataclasses.is_dataclass(value[0]):
        return [f"{indent}{len(value)} items", *_items(enumerate(value), indent)]
    return [f"{indent}{line}" for line in _leaf(value).splitlines()]


def _items(pairs: Any, indent: str) -> list[str]:
    lines: list[str] = []
    for name, item in pairs:
        shown = describe(item, indent + "  ")
        first = shown[0].strip() if shown else ""
        lines += [f"{indent}  {name}: {first}", *shown[1:]]
    return lines


def _leaf(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array {value.dtype} {list(value.shape)}"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if hasattr(value, "script"):
        return str(value.script())
    return str(value)

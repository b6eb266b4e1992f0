#!/usr/bin/env python3
"""Writes the figures of docs/memory.md: what models need on a Cortex-M4. Run it in EdgeKit's environment."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from benchmarks.tflm import TFLM
from edgekit.ingest import read_tflite
from edgekit.pipeline import planning
from edgekit.search.thrift import LAVISH, THRIFTY, attempt_until_it_fits
from edgekit.target import load_target
from edgekit.testing.models import model_path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "memory.md"
_TARGET = "cortex-m4"
_BEGIN = "| model | TFLite Micro | EdgeKit | share | `--patches auto` | share |\n|---|---|---|---|---|---|\n"
_END = "| geometric mean | | | "


def row(name: str) -> str:
    """A model's line: bytes of its plans, without patches and with them, as shares of TFLite Micro's too."""
    model = read_tflite(model_path(name), name=name)
    attempt = planning(load_target(_TARGET))
    theirs = TFLM[name].arena_bytes
    ours = [attempt_until_it_fits(model, thrift, None, attempt).ram_bytes for thrift in (LAVISH, THRIFTY)]
    cells = [f"{size:,} | {size / theirs:.2f}" for size in ours]
    return f"| {name} | {theirs:,} | {' | '.join(cells)} |"


def rows() -> list[str]:
    """The lines of the page's models."""
    return _table().splitlines()


def with_rows(lines: list[str]) -> str:
    """The page with these lines, and their means."""
    cells = [[float(cell.replace(",", "")) for cell in line.split("|")[2:-1]] for line in lines]
    ours, thrifty = (statistics.geometric_mean(line[column] / line[0] for line in cells) for column in (1, 3))
    before, _, after = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    rest = after.partition(_END)[2].partition("\n")[2]
    table = "".join(f"{line}\n" for line in lines)
    return f"{before}{_BEGIN}{table}{_END}{ours:.2f} | | {thrifty:.2f} |\n{rest}"


def _table() -> str:
    return PAGE.read_text(encoding="utf-8").partition(_BEGIN)[2].partition(_END)[0]


if __name__ == "__main__":
    made = []
    for known in sorted(TFLM):
        made.append(row(known))
        sys.stderr.write(f"{made[-1]}\n")
    PAGE.write_text(with_rows(made), encoding="utf-8")

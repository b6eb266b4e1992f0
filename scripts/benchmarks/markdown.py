"""One table for the README out of several runs: `python -m benchmarks.markdown host.json arm.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.measurement import geometric_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Document = Mapping[str, Any]
    Entry = Mapping[str, Any]

_CORES = {"cortex-a72": "Cortex-A72", "cortex-a76": "Cortex-A76"}


def markdown(documents: Sequence[Document]) -> str:
    """LiteRT / EdgeKit of every model: a column for each CPU and number of threads of each document.

    Time has its interval with it; counted instructions repeat exactly.
    """
    columns: dict[str, dict[str, Entry]] = {}
    for document in documents:
        for entry in document["models"]:
            columns.setdefault(_heading(entry), {})[entry["name"]] = entry
    entries = {name: entry for column in columns.values() for name, entry in column.items()}
    rows = [
        [_name(entry), f"{entry['macs']:,}", *(_cell(column.get(name)) for column in columns.values())]
        for name, entry in entries.items()
    ]
    ratios = [[entry["ratio"] for entry in column.values()] for column in columns.values()]
    rows.append(["**geometric mean**", "", *(f"**{geometric_mean(each):.2f}**" for each in ratios)])
    rows.append(["worst", "", *(f"{min(each):.2f}" for each in ratios)])
    lines = [["model", "MACs", *columns], ["---", *["---:"] * (len(columns) + 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _heading(entry: Entry) -> str:
    if "edgekit_instructions" in entry:
        return f"{_CORES.get(entry['cpu'], entry['cpu'])}, instructions"
    threads = "1 thread" if entry["threads"] == 1 else f"{entry['threads']} threads"
    clock = "time" if entry["clock"] == "wall" else "CPU time"
    return f"x86-64, {threads}, {clock}"


def _name(entry: Entry) -> str:
    mark = " \\*" if entry["trained"] is False else ""
    return f"{entry['name']}{mark}"


def _cell(entry: Entry | None) -> str:
    if entry is None:
        return ""
    if "edgekit_instructions" in entry:
        return f"{entry['ratio']:.2f}"
    return f"{entry['ratio']:.2f} ({entry['ratio_low']:.2f} to {entry['ratio_high']:.2f})"


if __name__ == "__main__":
    print(markdown([json.loads(Path(path).read_text()) for path in sys.argv[1:]]))

"""Command line of the benchmarks: tables for people, one JSON document with --json."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.host import Result, race
from edgekit.cli.output import table
from edgekit.measurement import geometric_mean
from edgekit.testing.models import STATELESS, model_path

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run a suite; the exit code is 3 if an answer was not the oracle's."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--suite", choices=["host"], default="host")
    parser.add_argument("--threads", type=int, default=1, help="of LiteRT; EdgeKit has one so far")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--model", type=Path, action="append", default=[], help="an int8 .tflite of yours")
    parser.add_argument("--only-models", action="store_true", help="only those of --model")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(argv)
    paths = [] if given.only_models else [model_path(name) for name in STATELESS]
    results = []
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as work:
        for path in [*paths, *given.model]:
            print(f"measuring {path.stem}", file=sys.stderr)
            results.append(race(path, Path(work), threads=given.threads, rounds=given.rounds))
    if given.json:
        print(json.dumps(_document(given.suite, results), indent=2))
    else:
        _show(results)
    return 0 if all(result.exact for result in results) else 3


def _document(suite: str, results: Sequence[Result]) -> dict[str, Any]:
    rows = []
    for result in results:
        row = dataclasses.asdict(result)
        ratio = row.pop("ratio")
        rows.append({**row, "ratio": ratio["middle"], "ratio_low": ratio["low"], "ratio_high": ratio["high"]})
    ratios = [result.ratio.middle for result in results]
    return {
        "suite": suite,
        "geomean_ratio": geometric_mean(ratios),
        "worst_ratio": min(ratios),
        "models": rows,
    }


def _show(results: Sequence[Result]) -> None:
    headers = ("model", "MACs", "EdgeKit us", "LiteRT us", "LiteRT / EdgeKit", "95 %", "exact", "EdgeKit is")
    rows = [
        (
            r.name,
            f"{r.macs:,}",
            f"{r.ours_us:.1f}",
            f"{r.theirs_us:.1f}",
            f"{r.ratio.middle:.2f}",
            f"{r.ratio.low:.2f} to {r.ratio.high:.2f}",
            "yes" if r.exact else "NO",
            r.ratio.verdict,
        )
        for r in results
    ]
    table(headers, rows, right=range(1, 6))
    mean = geometric_mean([r.ratio.middle for r in results])
    print(
        f"geometric mean {mean:.2f}; {results[0].cpu}, one thread of EdgeKit, {results[0].threads} of LiteRT"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Command line of the benchmarks: tables for people, one JSON document with --json."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import arm, host
from benchmarks.circumstances import circumstances
from benchmarks.contenders import given, shipped
from benchmarks.result import by_cpu, document, show
from edgekit.errors import EdgeKitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.contenders import Contender
    from benchmarks.result import Bar, Row

_WRONG_USAGE = 2
_WRONG_ANSWER = 3
_BAR_MISSED = 4


def main(argv: Sequence[str]) -> int:
    """Run a suite; the exit code is 3 if an answer was not the oracle's, 4 if --check found a bar missed."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.clock == "cpu" and options.threads != 1:
        parser.error("--clock cpu sees the calling thread only: it goes with --threads 1")
    try:
        return _run(options)
    except EdgeKitError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _run(options: argparse.Namespace) -> int:
    contenders = [] if options.only_models else shipped(options.only)
    contenders += [given(path) for path in options.model]
    if not contenders:
        print("no model is left to measure: --only-models wants a --model", file=sys.stderr)
        return _WRONG_USAGE
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as work:
        run = _arm if options.suite == "arm" else _host
        rows, bars = run(contenders, Path(work), options)
    found = document(options.suite, rows, circumstances())
    shortfalls = [
        words for cpu, group in by_cpu(rows).items() if cpu in bars for words in bars[cpu].shortfalls(group)
    ]
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        show(rows)
        if options.suite == "host" and options.clock != "wall":
            print("CPU time of the calling thread, not latency.", end=" ")
        print(" ".join(f"{name}: {value}." for name, value in circumstances().items()))
    if not all(row.exact for row in rows):
        return _WRONG_ANSWER
    if options.check:
        print("\n".join(shortfalls), file=sys.stderr)
    return _BAR_MISSED if options.check and shortfalls else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--suite", choices=["host", "arm"], default="host")
    parser.add_argument("--threads", type=int, default=1, help="host only")
    parser.add_argument("--rounds", type=int, default=61, help="host only")
    parser.add_argument(
        "--clock",
        choices=list(host.CLOCKS),
        default="wall",
        help="host only: 'cpu' counts the thread's own time, for one thread on a busy machine",
    )
    parser.add_argument("--target", action="append", help="arm only: a target, by default rpi4 and rpi5")
    parser.add_argument("--afresh", action="store_true", help="arm only: count LiteRT again")
    parser.add_argument("--model", type=Path, action="append", default=[], help="an int8 .tflite of yours")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this shipped model")
    parser.add_argument("--only-models", action="store_true", help="only those of --model")
    parser.add_argument("--check", action="store_true", help="exit with 4 if a bar is not reached")
    parser.add_argument("--json", action="store_true")
    return parser


def _host(
    contenders: Sequence[Contender], work: Path, options: argparse.Namespace
) -> tuple[list[Row], dict[str, Bar]]:
    rows = host.measure(
        contenders, work, threads=options.threads, rounds=options.rounds, clock=options.clock, say=_say
    )
    return rows, {row.cpu: host.BARS[options.threads] for row in rows if options.threads in host.BARS}


def _arm(
    contenders: Sequence[Contender], work: Path, options: argparse.Namespace
) -> tuple[list[Row], dict[str, Bar]]:
    rows, bars = [], {}
    for target in options.target or arm.TARGETS:
        for contender in contenders:
            _say(f"counting {contender.name} for {target}")
            row = arm.measure(contender, target, work, afresh=options.afresh, progress=_tell)
            rows.append(row)
            if target in arm.BARS:
                bars[row.cpu] = arm.BARS[target]
    return rows, bars


def _tell(stage: str, _share: float | None) -> None:
    if stage != "counting instructions":
        _say(f"  {stage}")


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

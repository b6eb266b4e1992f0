"""Command line of the benchmarks: tables for people, one JSON document with --json."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import arm, host, mcu, mcu_result
from benchmarks.circumstances import circumstances
from benchmarks.contenders import given, shipped, trained
from benchmarks.result import by_cpu, document, show
from edgekit.errors import EdgeKitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from benchmarks.contenders import Contender
    from benchmarks.result import Bar, Row

_ROUNDS = 61
_WRONG_USAGE = 2
_WRONG_ANSWER = 3
_BAR_MISSED = 4

# Options that mean something to one suite only.
_OWN_OPTIONS = {
    "host": ("threads", "rounds", "clock"),
    "arm": ("target", "afresh"),
    "mcu": ("cpu",),
}

_EXAMPLES = """\
examples:
  scripts/bench                                     time on this machine, one thread
  scripts/bench --threads 2 --check                 two threads; fails where a bar is missed
  scripts/bench --suite arm --target rpi4           executed instructions on an emulated Cortex-A72
  scripts/bench --suite mcu --cpu cortex-m4         on an emulated Cortex-M4, beside TFLite Micro
  scripts/bench --only-models --model mine.tflite   a model of yours
"""


def main(argv: Sequence[str]) -> int:
    """Run a suite; the exit code is 3 if an answer was not the oracle's, 4 if --check found a bar missed."""
    parser = _parser()
    options = parser.parse_args(argv)
    if (reason := _misuse(options)) is not None:
        parser.error(reason)
    try:
        return _run(options)
    except EdgeKitError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _misuse(options: argparse.Namespace) -> str | None:
    """Why options do not go together: one that would do nothing, or a check that could not fail."""
    for suite, names in _OWN_OPTIONS.items():
        for name in names:
            if suite != options.suite and getattr(options, name) not in (None, False):
                return f"--{name} means nothing to --suite {options.suite}"
    if options.clock == "cpu" and options.threads not in (None, 1):
        return "--clock cpu sees the calling thread only: it goes with --threads 1"
    if options.check and options.suite == "host" and (options.threads or 1) not in host.BARS:
        return f"--check has no bar for --threads {options.threads}: it has for {_list(host.BARS)}"
    unknown = [cpu for cpu in options.cpu or () if cpu not in mcu.BARS]
    if options.check and unknown:
        return f"--check has no bar for {unknown[0]}: it has for {_list(mcu.BARS)}"
    unbarred = [target for target in options.target or () if target not in arm.BARS]
    if options.check and unbarred:
        return f"--check has no bar for {unbarred[0]}: it has for {_list(arm.BARS)}"
    return None


def _list(names: Iterable[object]) -> str:
    return ", ".join(map(str, names))


def _run(options: argparse.Namespace) -> int:
    choose = trained if options.suite == "mcu" else shipped
    contenders = [] if options.only_models else choose(options.only)
    contenders += [given(path) for path in options.model]
    if not contenders:
        print("no model is left to measure: --only-models wants a --model", file=sys.stderr)
        return _WRONG_USAGE
    with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as work:
        found = _SUITES[options.suite](contenders, Path(work), options)
    if options.json:
        print(json.dumps(found.document, indent=2))
    else:
        found.show()
        if options.clock == "cpu":
            print("CPU time of the calling thread, not latency.", end=" ")
        print(" ".join(f"{name}: {value}." for name, value in circumstances().items()))
    if not found.exact:
        return _WRONG_ANSWER
    if options.check:
        print("\n".join(found.shortfalls), file=sys.stderr)
    return _BAR_MISSED if options.check and found.shortfalls else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--suite", choices=list(_OWN_OPTIONS), default="host")
    parser.add_argument("--threads", type=int, help="host only; 1 by default")
    parser.add_argument("--rounds", type=int, help=f"host only; {_ROUNDS} by default")
    parser.add_argument(
        "--clock",
        choices=list(host.CLOCKS),
        help="host only: 'wall' by default; 'cpu', the thread's own time, is for a busy machine",
    )
    parser.add_argument("--target", action="append", help="arm only: a target, by default rpi4 and rpi5")
    parser.add_argument("--afresh", action="store_true", help="arm only: count LiteRT again")
    parser.add_argument(
        "--cpu", action="append", help=f"mcu only: a target, by default {' and '.join(mcu.CPUS)}"
    )
    parser.add_argument("--model", type=Path, action="append", default=[], help="an int8 .tflite of yours")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this shipped model")
    parser.add_argument("--only-models", action="store_true", help="only those of --model")
    parser.add_argument("--check", action="store_true", help="exit with 4 if a bar is not reached")
    parser.add_argument("--json", action="store_true")
    return parser


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Outcome:
    """What a suite came to."""

    document: dict[str, Any]
    show: Callable[[], None]
    shortfalls: list[str]
    exact: bool


def _host(contenders: Sequence[Contender], work: Path, options: argparse.Namespace) -> _Outcome:
    threads = options.threads or 1
    rounds, clock = options.rounds or _ROUNDS, options.clock or "wall"
    rows = host.measure(contenders, work, threads=threads, rounds=rounds, clock=clock, say=_say)
    return _beside_litert("host", rows, {row.cpu: host.BARS[threads] for row in rows if threads in host.BARS})


def _arm(contenders: Sequence[Contender], work: Path, options: argparse.Namespace) -> _Outcome:
    rows, bars = [], {}
    for target in options.target or arm.TARGETS:
        for contender in contenders:
            _say(f"counting {contender.name} for {target}")
            row = arm.measure(contender, target, work, afresh=options.afresh, progress=_tell)
            rows.append(row)
            if target in arm.BARS:
                bars[row.cpu] = arm.BARS[target]
    return _beside_litert("arm", rows, bars)


def _beside_litert(suite: str, rows: Sequence[Row], bars: Mapping[str, Bar]) -> _Outcome:
    return _Outcome(
        document=document(suite, rows, circumstances()),
        show=lambda: show(rows),
        shortfalls=_shortfalls(rows, bars),
        exact=all(row.exact for row in rows),
    )


def _mcu(contenders: Sequence[Contender], work: Path, options: argparse.Namespace) -> _Outcome:
    rows, patched = [], []
    for cpu in options.cpu or mcu.CPUS:
        for contender in contenders:
            _say(f"counting {contender.name} on {cpu}")
            rows.append(mcu.measure(contender, cpu, work))
        patched += mcu.measure_patched(contenders, cpu, work)
    missed = _shortfalls(rows, mcu.BARS)
    missed += [words for row in patched for words in mcu.BARS[row.cpu].patched_shortfalls([row])]
    return _Outcome(
        document=mcu_result.document(rows, circumstances(), patched),
        show=lambda: mcu_result.show(rows, patched),
        shortfalls=missed,
        exact=all(row.exact for row in (*rows, *patched)),
    )


def _shortfalls(rows: Sequence[Any], bars: Mapping[str, Any]) -> list[str]:
    return [
        words for cpu, group in by_cpu(rows).items() if cpu in bars for words in bars[cpu].shortfalls(group)
    ]


_SUITES = {"host": _host, "arm": _arm, "mcu": _mcu}


def _tell(stage: str, _share: float | None) -> None:
    if stage != "counting instructions":
        _say(f"  {stage}")


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

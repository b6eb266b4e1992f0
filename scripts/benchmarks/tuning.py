"""How long tuning from an empty store takes here, and how near its choices come to the shipped records'.

The model is tuned into a new store, built by that and built by what EdgeKit ships; then the two builds run in
turn, as the engines of the host suite do.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import edgekit
from benchmarks.circumstances import circumstances
from benchmarks.engines import EdgeKitEngine
from benchmarks.networks import network_path
from benchmarks.series import Series, measure_round
from edgekit.devices.frames import load_golden
from edgekit.errors import EdgeKitError
from edgekit.measurement import Ratio, paired_ratio

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgekit.artifacts import Bundle

_MODEL = "mobilenet_v2_1.0_224"
_ROUNDS = 61
_TUNING_MINUTES, _BUILD_MINUTES, _LONGER = 20, 2, 1.1  # the bars
_WRONG_ANSWER, _BAR_MISSED = 3, 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What was measured."""

    model: str
    trials: int
    tuning_seconds: float
    build_seconds: float  # by the shipped records
    shipped_share: float  # of the work that these decide
    longer: Ratio  # time of the build by the new store / time of the one by the shipped records
    exact: bool

    def shortfalls(self) -> list[str]:
        """What is not reached, in words."""
        missed = []
        if self.tuning_seconds >= 60 * _TUNING_MINUTES:
            missed.append(f"tuning took {self.tuning_seconds / 60:.1f} min, and may take {_TUNING_MINUTES}")
        if self.build_seconds >= 60 * _BUILD_MINUTES:
            missed.append(f"the build took {self.build_seconds / 60:.1f} min, and may take {_BUILD_MINUTES}")
        if self.longer.high > _LONGER:
            missed.append(
                f"what was tuned takes up to {self.longer.high:.3f} times what is shipped takes, "
                f"and may take {_LONGER}"
            )
        return missed


def main(argv: Sequence[str]) -> int:
    """Measure and show; exits with 3 if an answer was not the oracle's, 4 if --check found a bar missed."""
    parser = argparse.ArgumentParser(prog="scripts/bench-tuning", description=__doc__)
    parser.add_argument("--model", type=Path, help=f"an int8 .tflite of yours; {_MODEL} by default")
    parser.add_argument(
        "--minutes", type=float, help="stop tuning after so long; when all is measured by default"
    )
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    parser.add_argument("--check", action="store_true", help="exit with 4 if a bar is not reached")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="edgekit-bench-") as work:
            model = options.model or network_path(_MODEL)
            found = measure(model, Path(work), minutes=options.minutes, rounds=options.rounds)
    except EdgeKitError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(document(found), indent=2) if options.json else _words(found))
    if not found.exact:
        return _WRONG_ANSWER
    missed = found.shortfalls() if options.check else []
    print("\n".join(missed), end="\n" if missed else "", file=sys.stderr)
    return _BAR_MISSED if missed else 0


def measure(model: Path, work: Path, *, minutes: float | None, rounds: int) -> Found:
    """Tune a model from nothing, build it both ways and run the builds in turn."""
    store = work / "tuned.sqlite"
    report = edgekit.tune(model, target="host", minutes=minutes, store=store, progress=_tell)
    with _user_store(store):
        tuned = edgekit.build(model, target="host", output=work / "tuned")
    with _user_store(work / "none.sqlite"):
        began = time.monotonic()
        shipped = edgekit.build(model, target="host", output=work / "shipped")
        build_seconds = time.monotonic() - began
    engines = [EdgeKitEngine(bundle, threads=1) for bundle in (tuned, shipped)]
    exact = all(_is_exact(*pair) for pair in zip(engines, (tuned, shipped), strict=True))
    one, other = (Series(engine, time.perf_counter) for engine in engines)
    _race((one, other), rounds)
    return Found(
        model=model.stem,
        trials=report.trials,
        tuning_seconds=report.seconds,
        build_seconds=build_seconds,
        shipped_share=shipped.manifest["tuning"]["tuned_share"],
        longer=paired_ratio(other.seconds, one.seconds),
        exact=exact,
    )


def document(found: Found) -> dict[str, Any]:
    """One JSON document."""
    return {**dataclasses.asdict(found), **circumstances()}


@contextlib.contextmanager
def _user_store(path: Path) -> Iterator[None]:
    """Have builds look the user's records up in another file; there are none if that is missing."""
    before = os.environ.get("EDGEKIT_TUNING_STORE")
    os.environ["EDGEKIT_TUNING_STORE"] = str(path)
    try:
        yield
    finally:
        del os.environ["EDGEKIT_TUNING_STORE"]
        if before is not None:
            os.environ["EDGEKIT_TUNING_STORE"] = before


def _is_exact(engine: EdgeKitEngine, bundle: Bundle) -> bool:
    return engine.is_exact(load_golden(bundle.path, bundle.manifest))


def _race(series: Sequence[Series], rounds: int) -> None:
    for one in series:
        one.warm_up()
    dice = random.Random(0)
    for _ in range(rounds):
        measure_round(series, dice)


def _words(found: Found) -> str:
    ratio = found.longer
    return (
        f"{found.model}: {found.trials} trials in {found.tuning_seconds / 60:.1f} min from an empty store.\n"
        f"With the shipped records, which decide {found.shipped_share:.0%} of the work: "
        f"built in {found.build_seconds:.0f} s, without trials.\n"
        f"What was tuned takes {ratio.middle:.3f} times as long as what is shipped ({ratio.low:.3f} to "
        f"{ratio.high:.3f}); all outputs exact: {'yes' if found.exact else 'NO'}.\n"
        + " ".join(f"{name}: {value}." for name, value in circumstances().items())
    )


def _tell(stage: str, _share: float | None) -> None:
    print(stage, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

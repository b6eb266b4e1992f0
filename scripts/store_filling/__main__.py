"""scripts/fill-store: measure the shapes of well-known networks for each class of CPUs, for shipped.jsonl."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.devices.choice import DeviceChoice
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.schedule.tasks import tasks
from edgekit.search.build import executor
from edgekit.search.tuning import Budget, Tuner
from edgekit.store import Store, write_text
from edgekit.testing.models import ALL, model_path
from edgekit.verbs.tune import batch_runner
from store_filling.deciding import deciding
from store_filling.models import layers_model
from store_filling.shapes import NETWORKS, layers
from store_filling.targets import TARGETS, can_measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgekit.artifacts import LoweredModule
    from edgekit.store import Record

_ROOT = Path(__file__).resolve().parents[2]
_SHIPPED = _ROOT / "tuning" / "shipped.jsonl"


def main() -> int:
    """Fill, or go on filling, and write what decides."""
    parser = argparse.ArgumentParser(prog="scripts/fill-store", description=__doc__)
    parser.add_argument("--cpu", action="append", choices=list(TARGETS), help="only these classes of CPUs")
    parser.add_argument("--network", action="append", choices=list(NETWORKS), help="only these networks")
    parser.add_argument("--no-trained", action="store_true", help="leave the trained models of the tests out")
    parser.add_argument("--minutes", type=float, help="stop after so long; the next run goes on")
    parser.add_argument("--work", type=Path, default=_ROOT / "build" / "filling.sqlite", help="store to fill")
    parser.add_argument("--only-write", action="store_true", help="measure nothing, write what there is")
    chosen = parser.parse_args()
    chosen.work.parent.mkdir(parents=True, exist_ok=True)
    with Store(chosen.work) as store:
        if not chosen.only_write:
            models = _models(chosen.network or list(NETWORKS), trained=not chosen.no_trained)
            _fill(store, models, chosen.cpu or list(TARGETS), chosen.minutes)
        count = write_text(_deciding(store), _SHIPPED)
    _say(f"{count} records in {_SHIPPED.relative_to(_ROOT)}", None)
    return 0


def _models(networks: list[str], *, trained: bool) -> list[LoweredModule]:
    flatbuffers = [layers_model(layers(networks))]
    flatbuffers += [model_path(name).read_bytes() for name in ALL] if trained else []
    return [lower(read_tflite(content, name=f"model{i}")) for i, content in enumerate(flatbuffers)]


def _fill(store: Store, models: list[LoweredModule], cpus: list[str], minutes: float | None) -> None:
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    workers = os.cpu_count() or 1
    with executor(None) as pool:
        for name in cpus:
            seconds = None if deadline is None else deadline - time.monotonic()
            if seconds is not None and seconds <= 0:
                break
            target = TARGETS[name]()
            found = [task for model in models for task in tasks(model, target)]
            first = {(task.kind, task.workload): task for task in reversed(found)}
            work = sorted(first.values(), key=lambda task: -task.macs)
            _say(f"{name}: {len(work)} shapes", None)
            with batch_runner(target, DeviceChoice(), _say) as runner:
                if not can_measure(runner.machine, target):
                    _say(f"{name}: this machine lacks features of it", None)
                    continue
                tuner = Tuner(target, runner, store, pool, workers=workers, progress=_say)
                report = tuner.run(work, Budget(seconds=seconds))
            _say(f"{name}: {report.trials} candidates in {report.seconds:.0f} s, gain {report.gain}", None)


def _deciding(store: Store) -> Iterator[Record]:
    """What is worth shipping of all that was measured, for every class of CPUs."""
    models = _models(list(NETWORKS), trained=True)
    known = {record.cpu_class for record in store.all_records()}
    for name in known & TARGETS.keys():
        target = TARGETS[name]()
        for model in models:
            yield from deciding(tasks(model, target), target, store)


def _say(text: str, _share: float | None) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

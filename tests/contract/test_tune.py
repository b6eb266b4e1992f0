"""Tuning on this machine and over SSH: what was measured stays, whatever breaks."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import distributed
import pytest

import edgekit
from edgekit.cli.main import main
from edgekit.codegen import resolve_host_cpu
from edgekit.devices.local import LocalDevice
from edgekit.devices.probe import probe
from edgekit.errors import DeviceUnreachableError, RunnerFailedError
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.package.runner_binary import build_runner
from edgekit.schedule.tasks import tasks
from edgekit.search.machine import machine_of
from edgekit.search.measure import DeviceRunner, Patience
from edgekit.search.tuning import Budget, Tuner, TuneReport
from edgekit.store import Source, Store
from edgekit.target import load_target
from edgekit.testing.tunable import tunable_model
from tests.contract.board_server import BoardServer
from tests.contract.conftest import board_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from edgekit.devices.ssh import SshDevice

TARGET = resolve_host_cpu(load_target("host"))
QUICK = Patience(away_seconds=30.0, first_pause_seconds=0.05, attempts=3)
SOME_MEASURED = r"^measured [1-9]"

_KILLS_ITSELF_ONCE = """#!/bin/sh
cd "$(dirname "$0")" || exit 1
if [ "$1" = profile ] && ! [ -e "$HOME/was-killed" ]; then
  : > "$HOME/was-killed"
  kill -9 $$
fi
exec {real} "$@"
"""


class Hearing:
    """Remembers progress, and does something the first time that a pattern is found in it."""

    def __init__(self, pattern: str = "", action: Callable[[], object] = lambda: None) -> None:
        self.texts: list[str] = []
        self._pattern, self._action = pattern, action

    def __call__(self, text: str, _share: float | None) -> None:
        self.texts.append(text)
        if self._pattern and re.search(self._pattern, text):
            self._pattern = ""
            self._action()

    def heard(self, word: str) -> int:
        return sum(word in text for text in self.texts)


@pytest.fixture
def flatbuffer() -> bytes:
    return tunable_model()


@pytest.fixture
def model(tmp_path: Path, flatbuffer: bytes) -> Path:
    path = tmp_path / "tunable.tflite"
    path.write_bytes(flatbuffer)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "tuning.sqlite") as opened:
        yield opened


def tune_over(
    connect: Callable[[], contextlib.AbstractContextManager[SshDevice]],
    flatbuffer: bytes,
    store: Store,
    hearing: Hearing,
    *,
    runner: bytes | None = None,
    patience: Patience = QUICK,
    budget: Budget | None = None,
) -> TuneReport:
    """Tune a model on a device that is reached so."""
    work = tasks(lower(read_tflite(flatbuffer, name="model")), TARGET)
    with (
        DeviceRunner(
            connect,
            runner or build_runner(TARGET),
            lambda device: machine_of(device, probe(device), Source.BOARD),
            wants_quiet=False,
            progress=hearing,
            patience=patience,
        ) as opened,
        ThreadPoolExecutor(1) as pool,
    ):
        tuner = Tuner(TARGET, opened, store, pool, workers=1, progress=hearing)
        return tuner.run(work, budget or Budget())


def measurements(board: BoardServer) -> int:
    return sum("profile" in command for command in board.commands)


# ------------------------------------------------------------------------------- this machine


def test_a_model_is_tuned_here_and_built_by_what_was_found(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEKIT_TUNING_STORE", str(tmp_path / "mine.sqlite"))
    report = edgekit.tune(model, target="host")
    assert report.is_complete
    assert (report.unit, report.source) == ("ns", "machine")
    assert all(task.measured == task.candidates > 1 for task in report.tasks)
    bundle = edgekit.build(model, target="host", output=tmp_path / "build")
    assert bundle.manifest["tuning"] == {
        "tuned_share": 1.0,
        "by": {"machine": pytest.approx(1.0)},
        "nearest_by": {},
    }
    assert edgekit.verify(bundle.path).equal
    again = edgekit.tune(model, target="host")
    assert (again.trials, again.is_complete) == (0, True)


def test_the_command_tells_what_it_measured_and_moves_records(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, other, text = (str(tmp_path / name) for name in ("mine.sqlite", "other.sqlite", "records.jsonl"))

    def run(*words: str) -> dict[str, object]:
        with pytest.raises(SystemExit) as left:
            main(["tune", *words, "--json"])
        assert left.value.code == 0
        return dict(json.loads(capsys.readouterr().out))

    report = run(str(model), "--target", "host", "--trials", "3", "--store", mine)
    assert (report["trials"], report["is_complete"]) == (3, False)
    assert run("--export", text, "--store", mine) == {"records": 3}
    assert run("--import", text, "--store", other) == {"records": 3}
    with Store(tmp_path / "mine.sqlite") as one, Store(tmp_path / "other.sqlite") as two:
        assert set(one.all_records()) == set(two.all_records())


def test_a_dask_cluster_builds_the_candidates(model: Path, tmp_path: Path) -> None:
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        report = edgekit.tune(
            model, target="host", trials=4, executor=cluster.scheduler_address, store=tmp_path / "s"
        )
    assert report.trials == 4


# ------------------------------------------------------------------------------------ faults


def test_tuning_goes_on_when_the_link_drops(
    board: BoardServer, reach: Callable[[BoardServer], SshDevice], flatbuffer: bytes, store: Store
) -> None:
    def heal() -> None:
        board.faults.drop_during = None

    board.faults.drop_during = "profile"
    hearing = Hearing("device is away", heal)
    report = tune_over(lambda: reach(board), flatbuffer, store, hearing)
    assert report.is_complete
    assert hearing.heard("device is away") == 1
    assert len(store.all_records()) == sum(task.candidates for task in report.tasks)


def test_tuning_goes_on_when_the_board_reboots(
    tmp_path: Path, identity: Path, flatbuffer: bytes, store: Store
) -> None:
    """It comes back with the same key on the same port, and its temporary folder is gone."""
    boards = [BoardServer(tmp_path)]
    first = boards[0]
    address = board_address(first, tmp_path, identity)
    kept_before_reboot: list[int] = []

    def reboot() -> None:
        kept_before_reboot.append(len(store.all_records()))
        folder = next(c for c in first.commands if "profile" in c).rpartition("sh /tmp/")[2].split()[0]
        first.close()
        LocalDevice().run("rm", "-rf", f"/tmp/{folder}")
        hearing.after("device is away", come_back)

    def come_back() -> None:
        boards.append(BoardServer(tmp_path, port=first.port))
        boards[1].host_key = first.host_key

    from edgekit.devices.ssh import connect

    hearing = Sequenced(SOME_MEASURED, reboot)
    try:
        report = tune_over(lambda: connect(address), flatbuffer, store, hearing)
    finally:
        for board in boards:
            board.close()
    assert report.is_complete
    assert kept_before_reboot[0] > 0
    assert hearing.heard("device is away") >= 1
    # What the board had measured before was not measured again.
    total = sum(task.candidates for task in report.tasks)
    assert report.trials == total == len(store.all_records())


class Sequenced(Hearing):
    """A `Hearing` whose action may choose the next one."""

    def after(self, pattern: str, action: Callable[[], object]) -> None:
        self._pattern, self._action = pattern, action


def test_a_killed_runner_is_started_again(
    board: BoardServer,
    reach: Callable[[BoardServer], SshDevice],
    flatbuffer: bytes,
    store: Store,
    tmp_path: Path,
) -> None:
    real = tmp_path / "real-runner"
    real.write_bytes(build_runner(TARGET))
    real.chmod(0o755)
    hearing = Hearing()
    script = _KILLS_ITSELF_ONCE.format(real=real).encode()
    report = tune_over(lambda: reach(board), flatbuffer, store, hearing, runner=script)
    assert report.is_complete
    assert hearing.heard("runner was killed") == 1


def test_a_runner_that_is_killed_every_time_ends_the_tuning(
    board: BoardServer, reach: Callable[[BoardServer], SshDevice], flatbuffer: bytes, store: Store
) -> None:
    hearing = Hearing()
    with pytest.raises(RunnerFailedError, match="signal 9"):
        tune_over(lambda: reach(board), flatbuffer, store, hearing, runner=b"#!/bin/sh\nkill -9 $$\n")
    assert hearing.heard("runner was killed") == QUICK.attempts - 1


def test_a_board_that_stays_away_ends_the_tuning_and_nothing_is_lost(
    board: BoardServer, reach: Callable[[BoardServer], SshDevice], flatbuffer: bytes, store: Store
) -> None:
    hearing = Hearing(SOME_MEASURED, board.close)
    impatient = dataclasses.replace(QUICK, away_seconds=0.3)
    with pytest.raises(DeviceUnreachableError):
        tune_over(lambda: reach(board), flatbuffer, store, hearing, patience=impatient)
    assert len(store.all_records()) > 0


def test_an_interrupted_tuning_goes_on_where_it_was(
    board: BoardServer, reach: Callable[[BoardServer], SshDevice], flatbuffer: bytes, store: Store
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune_over(lambda: reach(board), flatbuffer, store, Hearing(SOME_MEASURED, interrupt))
    kept = {record.parameters for record in store.all_records()}
    assert kept
    report = tune_over(lambda: reach(board), flatbuffer, store, Hearing())
    assert report.is_complete
    total = sum(task.candidates for task in report.tasks)
    assert 0 < report.trials < total


def test_one_connection_and_one_command_serve_a_batch(
    board: BoardServer, reach: Callable[[BoardServer], SshDevice], flatbuffer: bytes, store: Store
) -> None:
    connections = []

    def connect() -> SshDevice:
        connections.append(reach(board))
        return connections[-1]

    report = tune_over(connect, flatbuffer, store, Hearing(), budget=Budget(trials=3))
    assert report.trials == 3
    assert len(connections) == 1
    # The 3 candidates, and at most once more the best of them.
    assert 1 <= measurements(board) <= 2

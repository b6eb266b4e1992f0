"""Options that would do nothing are refused, and names that are slightly wrong get a hint."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

import edgekit
from edgekit.cli.main import main
from edgekit.devices.choice import DeviceChoice
from edgekit.errors import (
    BundleUnreadableError,
    DeviceUnreachableError,
    ExecutorUnusableError,
    ExitCode,
    StoreUnreadableError,
)
from edgekit.search.build import executor
from edgekit.testing.tunable import tunable_model
from edgekit.verbs.tune import export_records

if TYPE_CHECKING:
    from pathlib import Path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == ExitCode.USAGE
    shown = capsys.readouterr()
    assert not shown.out
    return shown.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--executor", "a:b"), "--executor builds what is tuned"),
        (("--threads", "2"), "--threads is for the race"),
        (("--threads", "1"), "--threads is for the race"),
        (("--host", "pi.local"), "--host does nothing here"),
        (("--emulated",), "--emulated does nothing here"),
        (("--host", "pi.local", "--accept-new-host-key"), "--accept-new-host-key does nothing here"),
        (("--tune-minutes", "1", "--threads", "2"), "--threads is for the race"),
        (("--engine", "auto", "--executor", "a:b"), "--executor builds what is tuned"),
        (("--engine", "auto", "--patches", "auto"), "--patches and --interface are for microcontrollers"),
    ],
)
def test_a_build_refuses_options_that_would_do_nothing(
    options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refused(capsys, "build", "model.tflite", "--target", "rpi4", *options)


def test_a_misspelt_engine_is_told_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("build", "model.tflite", "--target", "rpi4", "--engine")
    assert "'litrt' is none of edgekit, litert, auto. Did you mean 'litert'?" in refused(
        capsys, *arguments, "litrt"
    )
    assert "'x' is none of edgekit, litert, auto.\n" in refused(capsys, *arguments, "x")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--target", "rpi4", "--threads", "2"), "2 threads cannot be counted"),
        (("--target", "rpi4", "--rounds", "5"), "not counted in 5 rounds"),
        (("--target", "rpi4", "--emulated", "--rounds", "31"), "not counted in 31 rounds"),
        (("--target", "generic-armv7"), "no wheel for armv7"),
        (("--emulated",), "'host' has no emulated board"),
        (("--target", "cortex-m4"), "nothing to race with on cortex-m4"),
    ],
)
def test_a_race_refuses_what_counting_cannot_give_before_it_builds(
    options: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model.tflite"  # a build would find that it is none
    assert words in refused(capsys, "bench", str(model), *options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("model.tflite", "--export", "f"), "leave MODEL out"),
        (("--export", "f", "--trials", "4"), "leave --trials out"),
        (("--import", "f", "--host", "pi.local"), "leave --host out"),
        (("--import", "f", "--export", "g"), "give one of them"),
    ],
)
def test_moving_records_refuses_what_says_what_to_measure(
    options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refused(capsys, "tune", *options)


def test_a_store_that_is_not_there_is_not_exported_and_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "mistyped.sqlite"
    with pytest.raises(StoreUnreadableError, match="There is no tuning store"):
        export_records(tmp_path / "text", store=missing)
    assert not list(tmp_path.iterdir())


def test_a_build_is_raced_for_the_target_that_it_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "leave --target out" in refused(capsys, "bench", str(tmp_path), "--target", "rpi4")
    with pytest.raises(BundleUnreadableError, match="There is no bundle"):
        edgekit.bench(tmp_path / "kws" / "hots")


def test_a_build_tunes_on_the_device_that_it_is_given(tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(tunable_model())
    away = DeviceChoice(host="nowhere.invalid")
    with pytest.raises(DeviceUnreachableError, match=r"nowhere\.invalid"):
        edgekit.build(model, target="host", output=tmp_path / "build", trials=1, device=away)
    assert not (tmp_path / "build").exists()


def test_a_misspelt_factory_of_executors_gets_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        pytest.raises(ExecutorUnusableError, match="Did you mean 'ThreadPoolExecutor'"),
        executor("concurrent.futures:ThreadPoolExecuter"),
    ):
        pass
    monkeypatch.setattr(sys.modules[__name__], "picky", lambda _workers: None, raising=False)
    with pytest.raises(ExecutorUnusableError, match="without arguments"), executor(f"{__name__}:picky"):
        pass

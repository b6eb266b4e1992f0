"""Profile on every kind of device. That times are plausible is not tested: a clock is no fixture."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

import edgekit
from edgekit.cli.main import main
from edgekit.devices import runner
from edgekit.devices.choice import DeviceChoice
from edgekit.devices.local import LocalDevice
from edgekit.devices.probe import parse_facts
from edgekit.errors import EmulatedTimeError, ExitCode, RunnerFailedError, WrongValueError
from edgekit.profile import Profile, profile_bundle
from edgekit.testing.tflite_builder import ModelBuilder, spec
from edgekit.testing.tiny_model import tiny_bundle
from edgekit.verbs.connect import refuse_emulated_time

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgekit.artifacts import Bundle
    from edgekit.devices.device import Device


def silent(stage: str, share: float | None) -> None:
    """Progress that nobody watches."""


def run_cli(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    code = left.value.code
    assert isinstance(code, int)
    return code


def test_every_step_and_the_whole_are_timed(device: Device, good: Bundle) -> None:
    found = profile_bundle(good, device, warmup=1, runs=4, progress=silent)
    assert [(step.index, step.kind, step.kernel) for step in found.steps] == [
        (3, "MAXIMUM", "tiny_maximum"),
        (4, "RELU", "tiny_relu"),
        (5, "ASSIGN_VARIABLE", "tiny_assign"),
    ]
    assert (found.runs, found.memory["arena_bytes"]) == (4, 136)
    assert found.warmup >= 10  # ten runs show that the times are steady; one was asked for
    assert sum(step.share for step in found.steps) == pytest.approx(1)
    assert found.machine.architecture == "x86_64"
    assert found.machine.cores is not None


@pytest.mark.parametrize(("runs", "warmup"), [(0, 0), (1, -1)])
def test_a_profile_of_no_runs_is_refused(good: Bundle, runs: int, warmup: int) -> None:
    with pytest.raises(WrongValueError, match="cannot be made"):
        profile_bundle(good, LocalDevice(), warmup=warmup, runs=runs, progress=silent)


def test_a_model_that_overruns_is_not_profiled(tmp_path: Path) -> None:
    with pytest.raises(RunnerFailedError, match="outside its arena"):
        edgekit.profile(tiny_bundle(tmp_path / "host", "OVERRUN").path, runs=1)


def test_this_machine_is_timed_by_default(good: Bundle) -> None:
    assert isinstance(edgekit.profile(good.path, runs=2, warmup=0), Profile)


def test_an_operator_of_several_kernels_is_one_step_everywhere(tmp_path: Path) -> None:
    model = ModelBuilder()
    axis, given = model.constant(np.array(2, np.int32)), model.input((1, 4, 6), scale=0.5)
    half = spec((1, 4, 3), scale=0.5)
    first = model.op("SPLIT", [axis, given], [half, half], num_splits=2)
    model.output(model.op("RELU", [first], half), first + 1)
    (tmp_path / "split.tflite").write_bytes(model.build())
    bundle = edgekit.build(tmp_path / "split.tflite", target="host", output=tmp_path / "build")
    described = runner.describe(LocalDevice(), str(bundle.path), "libsplit.so").operators
    assert [(step.index, step.name) for step in described] == [(0, "SPLIT"), (1, "RELU")]
    found = edgekit.profile(bundle.path, runs=1, warmup=0)
    assert [(step.index, step.kernel) for step in found.steps] == [(s.index, s.kernel) for s in described]
    assert [step["index"] for step in bundle.manifest["operators"]] == [0, 1]


def test_an_emulated_board_reached_by_its_address_is_not_timed() -> None:
    nothing = parse_facts("")
    for model in ("Raspberry Pi 4 Model B Rev 1.4", None):
        refuse_emulated_time(dataclasses.replace(nothing, model=model), "pi", "edgekit profile")
    emulated = dataclasses.replace(nothing, model="Raspberry Pi 4 (emulated)")
    with pytest.raises(EmulatedTimeError, match="its clock measures this machine") as refused:
        refuse_emulated_time(emulated, "pi@127.0.0.1", "edgekit profile")
    assert refused.value.exit_code == ExitCode.USAGE


def test_the_command_shows_steps_machine_and_memory(good: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("profile", str(good.path), "--runs", "3", "--warmup", "0") == ExitCode.DONE
    out = capsys.readouterr().out
    for words in (
        "tiny for host on this machine: 3 runs after ",
        "MAXIMUM",
        "median us",
        "governor",
        "verdict: INVALID",
        "3 rounds are too few",
        "arena",
    ):
        assert words in out


def test_several_threads_are_shown_beside_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ModelBuilder()
    weights = model.constant(np.ones((32, 3, 3, 16), np.int8), scale=0.5)
    given, result = model.input((1, 24, 24, 16), scale=0.5), spec((1, 24, 24, 32), scale=0.5)
    model.output(model.op("CONV_2D", [given, weights], [result], padding="SAME", stride_w=1, stride_h=1))
    (tmp_path / "large.tflite").write_bytes(model.build())
    good = edgekit.build(tmp_path / "large.tflite", target="host", output=tmp_path / "build")
    assert run_cli("profile", str(good.path), "--runs", "2", "--threads", "2") == ExitCode.DONE
    out = capsys.readouterr().out
    for words in ("2 threads", "1 thread", "scaling"):
        assert words in out
    assert run_cli("profile", str(good.path), "--runs", "2", "--threads", "2", "--json") == ExitCode.DONE
    found = json.loads(capsys.readouterr().out)["profile"]
    assert (found["threads"], found["scaling"] > 0) == (2, True)
    assert all(step["one_thread"]["median_ns"] > 0 for step in found["steps"])


def test_a_model_without_a_step_worth_sharing_has_no_scaling(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ModelBuilder()
    given = model.input((1, 4, 6), scale=0.5)
    model.output(model.op("RELU", [given], spec((1, 4, 6), scale=0.5)))
    (tmp_path / "small.tflite").write_bytes(model.build())
    bundle = edgekit.build(tmp_path / "small.tflite", target="host", output=tmp_path / "build")
    assert run_cli("profile", str(bundle.path), "--runs", "2", "--threads", "2") == ExitCode.DONE
    out = capsys.readouterr().out
    assert "none of its steps is worth sharing" in out
    assert "scaling" not in out
    found = edgekit.profile(bundle.path, runs=2, threads=2)
    assert isinstance(found, Profile)
    assert (found.threads, found.one_thread, found.scaling) == (1, None, None)


@pytest.mark.parametrize("verb", [edgekit.verify, edgekit.profile])
def test_no_threads_are_refused(verb: Callable[..., object], good: Bundle) -> None:
    with pytest.raises(WrongValueError, match="by 0 threads"):
        verb(good.path, threads=0)


def test_instructions_of_several_threads_are_not_counted(good: Bundle) -> None:
    with pytest.raises(WrongValueError, match="Instructions of 2 threads cannot be counted"):
        edgekit.profile(good.path, device=DeviceChoice(emulated=True), threads=2)


def test_json_names_the_unit(good: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("profile", str(good.path), "--runs", "2", "--json") == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    assert document["unit"] == "nanoseconds"
    assert document["profile"]["steps"][0]["time"]["median_ns"] > 0
    assert document["profile"]["machine"]["architecture"] == "x86_64"
    assert document["profile"]["before"]["cores"] == document["profile"]["after"]["cores"]
    assert document["profile"]["assessment"]["verdict"] == "INVALID"  # two runs show no spread

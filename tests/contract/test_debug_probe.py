"""A board with a debug probe runs and verifies a build, and what goes wrong with probe or board is told."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import edgekit
from edgekit.cli.main import main
from edgekit.devices.choice import DeviceChoice
from edgekit.devices.debug_probe.board import place_of, probed_board
from edgekit.devices.debug_probe.openocd import OpenOcd
from edgekit.devices.emulated.microcontroller.machine import Memory
from edgekit.devices.frames import load_golden
from edgekit.errors import (
    CommandTimedOutError,
    ExitCode,
    ImageTooLargeError,
    NotProbedError,
    ProbeFailedError,
    ProbeMissingError,
    RunnerFailedError,
    ToolMissingError,
    WrongValueError,
)
from edgekit.package import read_bundle
from edgekit.target import load_target, target_names
from edgekit.testing.tiny_model import tiny_bundle, tiny_flatbuffer
from tests.contract import fake_openocd

if TYPE_CHECKING:
    from edgekit.artifacts import Bundle

BOARD = "nucleo-f446re"
PROBE = DeviceChoice(probe=True)
PROBED = ("nrf52840dk", "nucleo-f446re", "nucleo-h743zi2", "nucleo-l4r5zi", "nucleo-u575zi")


def silent(_stage: str, _share: float | None) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.tflite"
    path.write_bytes(tiny_flatbuffer())
    return path


@pytest.fixture(scope="module")
def built(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return edgekit.build(model, target=BOARD, output=tmp_path_factory.mktemp("build"))


@pytest.fixture
def openocd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenOCD's stand-in, first on the PATH."""
    programs = tmp_path / "programs"
    programs.mkdir()
    starter = programs / "openocd"
    starter.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{fake_openocd.__file__}" "$@"\n')
    starter.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Nothing that a board could run, for faults that come before that."""
    path = tmp_path / "image with spaces.elf"
    shutil.copy(shutil.which("true") or sys.executable, path)
    return path


def start(image: Path, tmp_path: Path, serial: str | None = None, timeout_seconds: float = 30) -> None:
    board = OpenOcd(target=load_target(BOARD), serial=serial)
    board.execute(image, tmp_path, count=False, timeout_seconds=timeout_seconds)


def run_cli(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    code = left.value.code
    assert isinstance(code, int)
    return code


@pytest.mark.emulator
@pytest.mark.usefixtures("openocd")
def test_a_build_is_verified_on_its_board_operator_by_operator(built: Bundle) -> None:
    found = edgekit.verify(built.path, device=PROBE)
    assert (found.passes, found.equal, found.frames, found.operators_compared) == (True, True, 100, 2)
    assert (found.device, found.target) == (f"{BOARD} (debug probe)", BOARD)


@pytest.mark.emulator
@pytest.mark.usefixtures("openocd")
def test_inputs_of_one_s_own_run_on_the_board_with_the_probe_of_that_number(built: Bundle) -> None:
    golden = load_golden(built.path, built.manifest)
    assert golden.outputs is not None
    inputs = {str(i): tensor for i, tensor in enumerate(golden.inputs)}
    named = DeviceChoice(probe=True, probe_serial=fake_openocd.SERIAL)
    outputs = edgekit.run(inputs, built.path, device=named)
    for found, wanted in zip(outputs.values(), golden.outputs, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.emulator
@pytest.mark.usefixtures("openocd")
def test_the_command_verifies_by_the_probe(built: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("verify", str(built.path), "--probe", "--outputs-only", "--json") == ExitCode.DONE
    found = json.loads(capsys.readouterr().out)
    assert (found["passes"], found["device"]) == (True, f"{BOARD} (debug probe)")


@pytest.mark.emulator
@pytest.mark.usefixtures("openocd")
def test_a_model_that_fails_on_the_board_is_told_with_its_words(built: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(built.path, folder)
    source = folder / "src/tiny.c"
    mark = "  EDGEKIT_STEP(1);"
    source.write_text(source.read_text().replace(mark, f"  return 1;\n{mark}"))
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"]["src/tiny.c"]["sha256"] = hashlib.sha256(source.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with (
        probed_board(read_bundle(folder), None, silent) as board,
        pytest.raises(RunnerFailedError, match=r"failed on the nucleo-f446re \(debug probe\)") as failed,
    ):
        board.invoke(bytes(8))
    assert "the model returned an error (exit code 73)" in failed.value.why


@pytest.mark.emulator
@pytest.mark.parametrize(("key", "region"), [("flash_kib", "FLASH"), ("ram_kib", "RAM")])
def test_an_image_too_large_for_its_board_says_by_how_much(
    key: str, region: str, built: Bundle, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    shutil.copytree(built.path, folder)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["target"]["microcontroller"][key] = 1
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ImageTooLargeError, match=f"do not fit {BOARD}") as refused:
        edgekit.verify(folder, device=PROBE)
    assert refused.value.exit_code == ExitCode.BUDGET_EXCEEDED
    assert f" bytes too many for its {region}." in refused.value.why


def test_without_openocd_the_command_that_installs_it_is_named(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissingError, match="'openocd' is not installed") as missing:
        start(image, tmp_path)
    assert missing.value.exit_code == ExitCode.TOOL_MISSING
    assert (missing.value.why, missing.value.fix) == (
        "It drives the debug probe.",
        "As root: apt-get install openocd",
    )


@pytest.mark.usefixtures("openocd")
def test_without_a_probe_that_is_said(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_OPENOCD_FAULT", "no probe")
    with pytest.raises(ProbeMissingError, match=f"There is no debug probe for {BOARD}") as missing:
        start(image, tmp_path)
    assert missing.value.exit_code == ExitCode.DEVICE
    assert missing.value.why == "OpenOCD says: Error: open failed"


@pytest.mark.usefixtures("openocd")
def test_another_probe_than_the_one_that_was_named_is_none(image: Path, tmp_path: Path) -> None:
    with pytest.raises(ProbeMissingError, match="no debug probe with the serial number 42 for"):
        start(image, tmp_path, serial="42")


@pytest.mark.usefixtures("openocd")
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("no power", "unable to connect to the target"),
        ("protected", "device protected; Error: failed erasing"),
    ],
)
def test_a_board_that_refuses_is_told_with_openocd_s_words(
    fault: str, words: str, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_OPENOCD_FAULT", fault)
    with pytest.raises(ProbeFailedError, match=f"{BOARD} could not be programmed or started") as failed:
        start(image, tmp_path)
    assert failed.value.exit_code == ExitCode.DEVICE
    assert words in failed.value.why


@pytest.mark.usefixtures("openocd")
def test_an_image_for_other_memory_than_the_board_s_is_not_started(image: Path, tmp_path: Path) -> None:
    with pytest.raises(ProbeFailedError, match="could not be programmed") as failed:
        start(image, tmp_path)
    assert "no flash bank found" in failed.value.why


@pytest.mark.emulator
@pytest.mark.usefixtures("openocd")
def test_a_board_that_hangs_is_given_up(
    built: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with probed_board(built, None, silent) as board:
        monkeypatch.setenv("FAKE_OPENOCD_FAULT", "hangs")
        with pytest.raises(CommandTimedOutError, match=r"did not end within 2 s on the nucleo-f446re"):
            start(board.image.path, tmp_path, timeout_seconds=2)


@pytest.mark.parametrize("name", [name for name in target_names() if load_target(name).microcontroller])
def test_boards_with_a_known_probe_have_a_place_and_others_say_so(name: str) -> None:
    target = load_target(name)
    board = target.microcontroller
    assert board is not None
    if name not in PROBED:
        with pytest.raises(NotProbedError, match=f"No debug probe is known for {name}") as refused:
            place_of(target)
        assert ", ".join(PROBED) in refused.value.fix
        assert refused.value.exit_code == ExitCode.USAGE
        return
    place = place_of(target)
    assert (board.flash_kib, board.ram_kib) == (place.flash.bytes >> 10, place.ram.bytes >> 10)
    start = 0 if name == "nrf52840dk" else 0x0800_0000
    assert place.flash == Memory(origin=start, bytes=place.flash.bytes)
    assert place.ram.origin == (0x2400_0000 if name == "nucleo-h743zi2" else 0x2000_0000)


def test_a_build_for_linux_is_not_for_a_probe(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path)
    with pytest.raises(WrongValueError, match="A debug probe cannot be used for this"):
        edgekit.verify(bundle.path, device=PROBE)


def test_a_board_is_not_profiled_by_its_probe(built: Bundle) -> None:
    with pytest.raises(WrongValueError, match="A board by its debug probe cannot be profiled"):
        edgekit.profile(built.path, device=PROBE)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--probe", "--host", "pi.local"), "--probe names another device"),
        (("--probe", "--emulated"), "--probe names another device"),
        (("--probe-serial", "42"), "--probe-serial does nothing without --probe"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli("verify", *options) == ExitCode.USAGE
    assert words in capsys.readouterr().err

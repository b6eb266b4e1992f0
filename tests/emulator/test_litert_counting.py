"""LiteRT's executed instructions: with XNNPACK or not at all, the same in every run, and kept."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from benchmarks.__main__ import main
from edgekit.devices.emulated.litert import count_litert
from edgekit.errors import EmulatorFailedError
from edgekit.paths import cache_directory
from edgekit.target import load_target
from edgekit.testing.models import model_path
from edgekit.testing.tflite_builder import ModelBuilder, spec

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.devices.emulated.litert import LiteRtCount

pytestmark = pytest.mark.emulator


def counted(model: Path, inputs: bytes, target: str, folder: Path) -> LiteRtCount:
    frame = folder / "inputs"
    frame.write_bytes(inputs)
    return count_litert(model, frame, load_target(target), progress=lambda _stage, _share: None)


def test_the_count_is_that_of_xnnpack_and_repeats(tmp_path: Path) -> None:
    model = model_path("keyword_spotting_alexa")
    first, second = (counted(model, bytes(118 * 108), "rpi4", tmp_path) for _ in range(2))
    assert first.version == "ai-edge-litert 2.3.0"
    assert (first.lowest, first.highest) == (first.instructions, first.instructions)
    assert second.instructions == first.instructions
    # 1,737,420 were counted in November 2026 with the Python around it, some 3,000.
    assert first.instructions == pytest.approx(1_734_400, rel=0.002)


def test_a_core_with_dot_products_gets_the_kernels_that_use_them(tmp_path: Path) -> None:
    model = model_path("rock_paper_scissors")
    frame = bytes(4 * 84 * 84)
    without, having = (counted(model, frame, target, tmp_path) for target in ("rpi4", "rpi5"))
    assert without.instructions == pytest.approx(5_357_000, rel=0.002)
    assert having.instructions == pytest.approx(1_688_000, rel=0.002)


def test_a_model_that_xnnpack_leaves_alone_is_not_counted_as_if_it_had_not(tmp_path: Path) -> None:
    builder = ModelBuilder()
    x = builder.input((1, 8), dtype="int32")
    builder.op("ADD", [x, x], spec((1, 8), "int32"), fused_activation_function="NONE")
    path = tmp_path / "integers.tflite"
    path.write_bytes(builder.build())
    with pytest.raises(EmulatorFailedError) as caught:
        counted(path, bytes(32), "rpi4", tmp_path)
    assert "without its XNNPACK delegate" in caught.value.why


def test_the_suite_counts_both_engines_checks_the_answers_and_keeps_the_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "mine.tflite"
    model.write_bytes(model_path("autoencoder_example").read_bytes())
    argv = ["--suite", "arm", "--target", "rpi4", "--only-models", "--model", str(model), "--json"]
    kept = cache_directory("litert-counts")
    for path in kept.glob("mine-*"):
        path.unlink()
    assert main(argv) == 0
    first = json.loads(capsys.readouterr().out)
    (entry,) = first["models"]
    assert (entry["name"], entry["cpu"], entry["threads"]) == ("mine", "cortex-a72", 1)
    assert entry["exact"] is True
    assert entry["ratio"] == pytest.approx(entry["litert_instructions"] / entry["edgekit_instructions"])
    assert entry["ratio_low"] <= entry["ratio"] <= entry["ratio_high"]

    (record,) = kept.glob("mine-*")
    altered = {**json.loads(record.read_text()), "instructions": 1}
    record.write_text(json.dumps(altered))
    main(argv)
    assert json.loads(capsys.readouterr().out)["models"][0]["litert_instructions"] == 1
    main([*argv, "--afresh"])
    assert json.loads(capsys.readouterr().out) == first


def test_a_bar_that_is_missed_is_an_exit_code_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks import arm

    out_of_reach = dataclasses.replace(arm.BARS["rpi4"], geomean=1000.0)
    monkeypatch.setitem(arm.BARS, "rpi4", out_of_reach)
    argv = ["--suite", "arm", "--target", "rpi4", "--only", "autoencoder_example"]
    assert main(argv) == 0
    assert main([*argv, "--check"]) == 4
    assert "1000.0 is asked for" in capsys.readouterr().err


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("target", ["rpi4", "rpi5"])
def test_the_bars_of_a_core_are_reached(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--suite", "arm", "--target", target, "--check"]) == 0, capsys.readouterr().out

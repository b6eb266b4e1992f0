"""Explain on every kind of device. Which cause weighs how much is not tested: a clock is no fixture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import edgekit
from edgekit.cli.main import main
from edgekit.devices import runner
from edgekit.devices.choice import DeviceChoice
from edgekit.devices.local import LocalDevice
from edgekit.devices.probe import probe
from edgekit.devices.workspace import installed
from edgekit.errors import EmulatedTimeError, ExitCode, WrongValueError
from edgekit.profile import explain_bundle
from edgekit.testing.models import model_path

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.artifacts import Bundle
    from edgekit.devices.device import Device

MODEL = "tflite_micro_magic_wand"


def run_cli(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    code = left.value.code
    assert isinstance(code, int)
    return code


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A trained model for this machine."""
    return edgekit.build(model_path(MODEL), target="host", output=tmp_path_factory.mktemp("build"))


def test_limits_are_measured_on_every_device(device: Device, good: Bundle) -> None:
    with installed(device, good) as model:
        limits = runner.roofline(device, model.directory)
    assert [rate.bytes for rate in limits.read] == [32 << 10, 256 << 10, 2 << 20, 32 << 20]
    assert all(rate.bytes_per_second > 0 for rate in limits.read)
    assert limits.multiply is not None
    assert limits.multiply.macs_per_second > 0


def test_products_are_measured_with_the_best_instruction_of_the_cpu(good: Bundle) -> None:
    device = LocalDevice()
    features = probe(device).cpu_features or ()
    known = {
        "amx_int8": "tdpbssd tmm",
        "avx512_vnni": "vpdpbusd zmm",
        "avx2": "vpmaddwd ymm",
        "sse2": "pmaddwd xmm",
    }
    best = next(instruction for feature, instruction in known.items() if feature in features)
    with installed(device, good) as model:
        limits = runner.roofline(device, model.directory)
    assert limits.multiply is not None
    assert limits.multiply.instruction == best


def test_causes_come_with_the_profile_and_the_limits_of_each_operator(device: Device, bundle: Bundle) -> None:
    found = explain_bundle(bundle, device, runs=3, progress=lambda _stage, _share: None)
    assert [operator.index for operator in found.operators] == [s.index for s in found.profile.steps]
    assert sum(operator.share for operator in found.operators) == pytest.approx(1)
    worths = [cause.worth_share for cause in found.causes if cause.worth_share is not None]
    assert worths == sorted(worths, reverse=True)
    assert found.one_thread_ns > 0


def test_the_command_names_causes_limits_and_the_verdict(
    bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli("explain", str(bundle.path), "--runs", "3") == ExitCode.DONE
    out = capsys.readouterr().out
    for words in ("known by", "limits of one thread, measured", "of it memory", "verdict: INVALID"):
        assert words in out


def test_json_says_how_each_worth_is_known(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("explain", str(bundle.path), "--runs", "3", "--json") == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    assert {cause["basis"] for cause in document["causes"]} <= {"measured", "estimate", "unknown"}
    assert document["roofline"]["multiply"]["instruction"]


def test_an_emulated_board_is_not_explained(bundle: Bundle) -> None:
    with pytest.raises(EmulatedTimeError, match="cannot be explained"):
        edgekit.explain(bundle.path, device=DeviceChoice(emulated=True))


def test_a_build_for_another_cpu_is_not_explained_here_and_no_board_is_emulated_for_it(
    tmp_path: Path,
) -> None:
    foreign = edgekit.build(model_path(MODEL), target="rpi4", output=tmp_path)
    stages: list[str] = []
    with pytest.raises(EmulatedTimeError, match="cannot be explained") as refused:
        edgekit.explain(foreign.path, progress=lambda stage, _share: stages.append(stage))
    assert "This machine runs no such build" in refused.value.why
    assert stages == []


def test_a_build_for_litert_is_not_explained(tmp_path_factory: pytest.TempPathFactory) -> None:
    litert = edgekit.build(
        model_path(MODEL),
        target="host",
        output=tmp_path_factory.mktemp("litert"),
        engine=edgekit.Engine.LITERT,
    )
    with pytest.raises(WrongValueError, match="LiteRT tells no operator's time"):
        edgekit.explain(litert.path)

"""Verify on every kind of device: equal, or the first operator and element that differ."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import edgekit
from edgekit.cli.main import main
from edgekit.deploy import deploy as deploy_bundle
from edgekit.deploy.errors import NoReleaseError, UnclearBuildError
from edgekit.deploy.fit import check_fit
from edgekit.devices.local import LocalDevice
from edgekit.devices.probe import probe
from edgekit.errors import (
    BundleAlteredError,
    BundleVersionError,
    BundleWrongDeviceError,
    ExitCode,
    LibraryRefusedError,
    OracleMissingError,
    RunnerFailedError,
)
from edgekit.evaluate import OperatorDifference, verify_bundle
from edgekit.evaluate import verify as verify_module
from edgekit.package import golden as golden_module
from edgekit.target import load_target
from edgekit.testing.tiny_model import tiny_bundle
from edgekit.verbs.selection import serving_release

if TYPE_CHECKING:
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


def test_a_right_model_is_equal_in_every_frame(device: Device, good: Bundle) -> None:
    found = verify_bundle(good, device, progress=silent)
    assert (found.equal, found.frames, found.differing_elements) == (True, 100, 0)
    assert (found.output_difference, found.operator_difference, found.note) == (None, None, None)
    assert found.operators_compared == 2
    assert found.device == device.name


def test_the_first_operator_and_element_that_differ_are_named(device: Device, wrong: Bundle) -> None:
    found = verify_bundle(wrong, device, progress=silent)
    assert not found.equal
    assert found.operator_difference == OperatorDifference(
        frame=0,
        index=4,
        kind="RELU",
        kernel="tiny_relu",
        tensor="output_4",
        coordinates=(1, 1),
        expected=-1,
        actual=-2,
        differing_elements=1,
    )
    assert found.output_difference is not None
    assert (found.output_difference.tensor, found.output_difference.coordinates) == ("output_4", (1, 1))


@pytest.mark.parametrize(
    ("bug", "frame", "index"),
    [
        ("FIRST_STEP", 1, 3),  # the RELU hides it in frame 0
        ("STATE", 2, 3),  # the first frame whose predecessor matters
        ("RESET", 0, 3),
    ],
)
def test_a_fault_is_found_where_it_begins_not_where_it_shows(
    tmp_path: Path, bug: str, frame: int, index: int
) -> None:
    found = verify_bundle(tiny_bundle(tmp_path / "host", bug), LocalDevice(), progress=silent)
    assert found.operator_difference is not None
    assert (found.operator_difference.frame, found.operator_difference.index) == (frame, index)


def test_a_fault_that_no_output_shows_is_found_inside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tiny_bundle(tmp_path / "host", "HIDDEN")
    found = verify_bundle(bundle, LocalDevice(), progress=silent)
    assert (found.equal, found.output_difference) == (False, None)
    assert found.operator_difference is not None
    assert (found.operator_difference.index, found.operator_difference.tensor) == (3, "loudest_3")
    assert found.note == "All outputs are equal on these vectors, but an operator inside is wrong."
    assert run_cli("verify", str(bundle.path)) == ExitCode.OUTPUTS_DIFFER
    assert run_cli("verify", str(bundle.path), "--outputs-only") == ExitCode.DONE
    assert "not compared" in capsys.readouterr().out


def test_nothing_is_left_on_the_device(
    device: Device, wrong: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))  # the in-process board and this machine look there
    verify_bundle(wrong, device, progress=silent)
    assert list(scratch.iterdir()) == []


def test_a_crash_on_the_device_is_told(device: Device, crashing: Bundle) -> None:
    with pytest.raises(RunnerFailedError, match="signal 6"):
        verify_bundle(crashing, device, progress=silent)


def test_a_library_of_another_interface_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LibraryRefusedError, match="version 99"):
        edgekit.verify(tiny_bundle(tmp_path / "host", "ABI").path)


def test_a_bundle_without_answers_is_verified_with_the_oracle_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(golden_module, "oracle_available", lambda: False)
        unchecked = tiny_bundle(tmp_path / "host")
    assert verify_bundle(unchecked, LocalDevice(), progress=silent).equal
    monkeypatch.setattr(verify_module, "oracle_available", lambda: False)
    with pytest.raises(OracleMissingError, match="golden vectors have no answers") as missing:
        verify_bundle(unchecked, LocalDevice(), progress=silent)
    assert missing.value.exit_code == ExitCode.TOOL_MISSING


def test_without_the_oracle_the_difference_is_found_but_not_the_operator(
    wrong: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_module, "oracle_available", lambda: False)
    found = verify_bundle(wrong, LocalDevice(), progress=silent)
    assert (found.equal, found.operator_difference) == (False, None)
    assert found.note is not None
    assert "is not installed here" in found.note


# -------------------------------------------------------------------------------------- the verb


def test_the_verb_takes_the_newest_build_that_fits(tmp_path: Path, good: Bundle) -> None:
    builds = tmp_path / "build"
    shutil.copytree(good.path, builds / "tiny" / "host")
    tiny_bundle(builds / "tiny" / "generic-aarch64", target=load_target("generic-aarch64"))
    assert edgekit.verify(builds=builds).target == "host"


def test_a_bundle_for_another_cpu_is_refused_with_the_reason(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "board", target=load_target("generic-aarch64"))
    with pytest.raises(
        BundleWrongDeviceError, match=r"for aarch64; the device's programs are x86_64"
    ) as refused:
        check_fit(bundle.manifest, probe(LocalDevice()), "this machine")
    assert refused.value.exit_code == ExitCode.DEVICE


def test_altered_bundles_and_other_versions_are_refused(tmp_path: Path, good: Bundle) -> None:
    altered = tmp_path / "altered"
    shutil.copytree(good.path, altered)
    (altered / "golden.npz").write_bytes(b"")
    with pytest.raises(BundleAlteredError, match=r"golden\.npz"):
        edgekit.verify(altered)
    future = tmp_path / "future"
    shutil.copytree(good.path, future)
    manifest = json.loads((future / "manifest.json").read_text())
    (future / "manifest.json").write_text(json.dumps({**manifest, "schema_version": 2}))
    with pytest.raises(BundleVersionError, match="schema_version is 2; this EdgeKit reads 1"):
        edgekit.verify(future)


def test_the_release_that_serves_is_verified_in_place(tmp_path: Path, good: Bundle, wrong: Bundle) -> None:
    device = LocalDevice(tmp_path)
    with pytest.raises(NoReleaseError, match="No release of it serves there"):
        serving_release(good, device)
    deploy_bundle(good, device, progress=silent)
    release = serving_release(good, device)
    assert (tmp_path / release).resolve() == tmp_path / release  # itself, and no link that may be switched
    assert verify_bundle(good, device, release=release, progress=silent).equal
    with pytest.raises(NoReleaseError, match="another build than"):
        serving_release(wrong, device)
    (library,) = (tmp_path / release).glob("*.so")
    library.write_bytes(library.read_bytes() + b"\0")
    with pytest.raises(NoReleaseError, match=r"are not as deployed: libtiny\.so"):
        serving_release(good, device)


# ----------------------------------------------------------------------------------- the command


def test_the_command_shows_equality_and_leaves_with_0(
    good: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli("verify", str(good.path)) == ExitCode.DONE
    assert "equal, every byte" in capsys.readouterr().out


def test_the_command_names_the_operator_and_leaves_with_3(
    wrong: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli("verify", str(wrong.path)) == ExitCode.OUTPUTS_DIFFER
    out = capsys.readouterr().out
    assert "4, RELU (tiny_relu), output_4[1, 1]: -2 instead of -1" in out


def test_json_is_one_document_with_both_differences(
    wrong: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli("verify", str(wrong.path), "--json") == ExitCode.OUTPUTS_DIFFER
    document = json.loads(capsys.readouterr().out)
    assert document["operator_difference"]["kind"] == "RELU"
    assert document["output_difference"]["coordinates"] == [1, 1]
    assert document["equal"] is False


def test_a_refused_bundle_is_one_document_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("verify", str(tmp_path), "--json") == ExitCode.USAGE
    assert json.loads(capsys.readouterr().out)["error"]["class"] == "BundleUnreadableError"


def test_two_models_are_not_chosen_between(tmp_path: Path, good: Bundle) -> None:
    for model in ("one", "two"):
        shutil.copytree(good.path, tmp_path / model / "host")
    manifest = tmp_path / "two" / "host" / "manifest.json"
    content = json.loads(manifest.read_text())
    content["model"]["name"] = "other"
    manifest.write_text(json.dumps(content))
    with pytest.raises(UnclearBuildError):
        edgekit.verify(builds=tmp_path)

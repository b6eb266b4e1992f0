"""LiteRT as a bundle's engine: the same verbs on every kind of device, within its own reference."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

import edgekit
from edgekit.cli.main import main
from edgekit.deploy import deploy, rollback, status
from edgekit.devices import runner
from edgekit.devices.local import LocalDevice
from edgekit.devices.ssh import connect
from edgekit.devices.workspace import installed
from edgekit.errors import (
    ExitCode,
    LiteRtMissingError,
    NoDelegateError,
    OutputsDifferError,
    WrongValueError,
)
from edgekit.evaluate import run_bundle, verify_bundle
from edgekit.package import read_bundle
from edgekit.pipeline import wrap_for_litert
from edgekit.profile import Profile, profile_bundle, race_bundle
from edgekit.target import load_target
from edgekit.testing.models import model_path
from edgekit.testing.tflite_builder import ModelBuilder, spec
from tests.contract.board_server import BoardServer
from tests.contract.conftest import TIMEOUTS, board_address, openssh_address
from tests.contract.openssh import OpenSshServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edgekit.artifacts import Bundle
    from edgekit.devices.device import Device

MODEL = "keyword_spotting"
VENV = ".local/share/edgekit-litert"


def silent(stage: str, share: float | None) -> None:
    """Progress that nobody watches."""


def run_cli(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    code = left.value.code
    assert isinstance(code, int)
    return code


@pytest.fixture(scope="module")
def litert(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A trained model with LiteRT as its engine, for this machine."""
    return wrap_for_litert(model_path(MODEL), load_target("host"), tmp_path_factory.mktemp("litert"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The same model with EdgeKit's own engine."""
    return edgekit.build(model_path(MODEL), target="host", output=tmp_path_factory.mktemp("ours"))


def with_litert(home: Path) -> None:
    """The virtual environment that the message about a missing LiteRT tells people to make."""
    python = home / VENV / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)


@pytest.fixture(params=["local", "board", "openssh"])
def machine(request: pytest.FixtureRequest, tmp_path: Path, identity: Path) -> Iterator[Device]:
    """Every kind of device, with a LiteRT that it finds in its own way."""
    home = tmp_path / "home"
    home.mkdir()
    if request.param == "local":
        yield LocalDevice(home)
    elif request.param == "board":
        with_litert(home)
        server = BoardServer(home, path="/usr/bin:/bin")
        with connect(board_address(server, tmp_path, identity), TIMEOUTS) as ssh:
            yield ssh
        server.close()
    else:
        openssh = OpenSshServer(tmp_path, environment={"EDGEKIT_LITERT_PYTHON": sys.executable})
        with connect(openssh_address(openssh, tmp_path), TIMEOUTS) as ssh:
            yield ssh
        openssh.close()


def test_a_bundle_says_whose_answers_it_carries_and_how_far_off_they_may_be(litert: Bundle) -> None:
    golden = litert.manifest["golden"]
    assert litert.manifest["engine"] == "litert"
    assert golden["oracle"].startswith("ai-edge-litert 2.3.0 with XNNPACK on ")
    assert (golden["checked"], golden["vectors"], golden["tolerance_steps"]) == (True, 20, 2.0)
    assert litert.manifest["memory"]["arena_bytes"] is None
    assert set(litert.manifest["files"]) == {"edgekit-runner", "golden.npz", "model.tflite", "report.json"}
    assert litert.manifest["macs"] == 2_656_768


def test_the_same_model_gives_the_same_bytes(litert: Bundle, tmp_path: Path) -> None:
    again = wrap_for_litert(model_path(MODEL), load_target("host"), tmp_path)
    assert (again.path / "manifest.json").read_bytes() == (litert.path / "manifest.json").read_bytes()


def test_every_device_gives_litert_s_own_answers(machine: Device, litert: Bundle) -> None:
    found = verify_bundle(litert, machine, progress=silent)
    assert (found.passes, found.frames, found.engine) == (True, 20, "litert")
    assert found.largest_steps is not None
    assert found.largest_steps <= found.tolerance_steps == 2.0
    assert found.operators_compared == 0
    assert found.note is not None
    assert "not bit-exact to the oracle" in found.note


def test_outputs_are_those_of_litert_in_this_process(machine: Device, litert: Bundle) -> None:
    from ai_edge_litert.interpreter import Interpreter

    shape = litert.manifest["tensors"]["inputs"][0]["shape"]
    given = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    interpreter = Interpreter(model_path=str(litert.path / "model.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], given)
    interpreter.invoke()
    expected = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    (actual,) = run_bundle(litert, machine, {"0": given}, progress=silent).values()
    np.testing.assert_array_equal(actual, expected)


def test_whole_invocations_are_timed_and_no_operator_is(machine: Device, litert: Bundle) -> None:
    found = profile_bundle(litert, machine, warmup=1, runs=3, progress=silent)
    assert (found.engine, found.runs, found.steps) == ("litert", 3, ())
    assert found.total.min_ns > 0


def test_no_threads_stand_for_one_on_each_core(litert: Bundle, here: LocalDevice) -> None:
    found = profile_bundle(litert, here, warmup=0, runs=1, threads=0, progress=silent)
    assert found.total.min_ns > 0


def test_it_is_deployed_checked_and_taken_back_as_any_other(
    machine: Device, litert: Bundle, ours: Bundle, tmp_path: Path
) -> None:
    root = str(tmp_path / "releases")
    deploy(ours, machine, progress=silent, root=root)
    deployed = deploy(litert, machine, progress=silent, root=root)
    assert deployed.release.golden_frames == 20
    verified = verify_bundle(litert, machine, release=deployed.current, progress=silent)
    assert verified.passes
    rollback(MODEL, machine, root=root, progress=silent)
    (found,) = status(machine, model=MODEL, root=root)
    assert found.current == deployed.release.previous


def test_answers_that_are_further_off_than_the_tolerance_are_not_deployed(
    litert: Bundle, here: LocalDevice, tmp_path: Path
) -> None:
    wrong = with_golden_off_by(litert, 3.0, tmp_path / "wrong")
    found = verify_bundle(wrong, here, progress=silent)
    assert (found.passes, found.differing_elements) == (False, 1)
    assert found.largest_steps == pytest.approx(3.0)
    with pytest.raises(OutputsDifferError, match="by up to 3 steps where 2 are allowed"):
        deploy(wrong, here, progress=silent)
    near = with_golden_off_by(litert, 2.0, tmp_path / "near")
    verified = verify_bundle(near, here, progress=silent)
    assert (verified.passes, verified.equal, verified.differing_elements) == (True, False, 1)


def with_golden_off_by(bundle: Bundle, steps: float, directory: Path) -> Bundle:
    """The bundle with its first golden answer moved by so many steps of the output's scale."""
    import hashlib
    import shutil

    from edgekit.artifacts import Golden
    from edgekit.devices.frames import load_golden
    from edgekit.package.golden import golden_bytes

    shutil.copytree(bundle.path, directory)
    golden = load_golden(bundle.path, bundle.manifest)
    assert golden.outputs is not None
    moved = golden.outputs[0].copy()
    moved.reshape(-1)[0] += np.float32(steps / 256)  # a softmax's scale
    content = golden_bytes(Golden(inputs=golden.inputs, outputs=(moved,), oracle=golden.oracle))
    (directory / "golden.npz").write_bytes(content)
    manifest = json.loads((directory / "manifest.json").read_text())
    manifest["files"]["golden.npz"]["sha256"] = hashlib.sha256(content).hexdigest()
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return read_bundle(directory)


def test_a_board_without_litert_is_told_how_to_get_it(litert: Bundle, tmp_path: Path, identity: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    server = BoardServer(home, path="/usr/bin:/bin")
    with (
        connect(board_address(server, tmp_path, identity), TIMEOUTS) as ssh,
        pytest.raises(LiteRtMissingError, match="no LiteRT") as missing,
    ):
        verify_bundle(litert, ssh, progress=silent)
    server.close()
    assert missing.value.exit_code == ExitCode.TOOL_MISSING
    assert f"python3 -m venv ~/{VENV}" in missing.value.fix
    assert "there is no" in missing.value.why


def test_a_board_without_any_python_is_told_the_same(litert: Bundle, tmp_path: Path, identity: Path) -> None:
    home, tools = tmp_path / "home", tmp_path / "tools"
    for folder in (home, tools):
        folder.mkdir()
    for name in ("sh", "mktemp", "rm"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    server = BoardServer(home, path=str(tools))
    with (
        connect(board_address(server, tmp_path, identity), TIMEOUTS) as ssh,
        pytest.raises(LiteRtMissingError, match="no LiteRT") as missing,
    ):
        verify_bundle(litert, ssh, progress=silent)
    server.close()
    assert "python3" in missing.value.why


def largest_model(path: Path) -> Path:
    """A model of one ARG_MAX, of which XNNPACK takes nothing."""
    model = ModelBuilder()
    scores = model.input((1, 10), "int8", 0.1, 3)
    axis = model.constant(np.array(1, np.int32))
    model.output(model.op("ARG_MAX", [scores, axis], spec((1,), "int32"), output_type="INT32"))
    path.write_bytes(model.build())
    return path


def test_a_model_that_xnnpack_stays_away_from_is_run_but_not_timed(tmp_path: Path) -> None:
    bundle = wrap_for_litert(largest_model(tmp_path / "max.tflite"), load_target("host"), tmp_path)
    device = LocalDevice(tmp_path)
    with installed(device, bundle) as model:
        described = runner.describe(device, model.directory, model.library)
    assert described.runtime is not None
    assert described.runtime.delegate is None
    assert verify_bundle(bundle, device, progress=silent).passes
    with pytest.raises(NoDelegateError, match="without its XNNPACK delegate"):
        profile_bundle(bundle, device, warmup=0, runs=1, progress=silent)


def test_both_engines_are_raced_on_every_device(machine: Device, ours: Bundle) -> None:
    found = race_bundle(ours, machine, rounds=3, progress=silent)
    assert (found.rounds, found.threads, found.delegate, found.exact) == (3, 1, "XNNPACK", True)
    assert found.litert_version == "ai-edge-litert 2.3.0"
    assert found.ratio.low <= found.ratio.middle <= found.ratio.high
    assert "too few rounds" in [reason.rule for reason in found.assessment.reasons]
    assert found.winner == "nobody"  # of an invalid measurement


def test_a_race_of_several_threads_runs(ours: Bundle, here: LocalDevice) -> None:
    assert race_bundle(ours, here, threads=2, rounds=1, progress=silent).threads == 2


def test_the_command_shows_ratio_answers_and_verdict(
    ours: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli("bench", str(ours.path), "--rounds", "1") == ExitCode.DONE
    out = capsys.readouterr().out
    for words in ("LiteRT / EdgeKit", "the oracle's, every byte", "verdict: INVALID", "No winner"):
        assert words in out


def test_the_race_as_json_names_its_unit(ours: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("bench", str(ours.path), "--rounds", "1", "--json") == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    assert document["unit"] == "nanoseconds"
    assert set(document["race"]["ratio"]) == {"middle", "low", "high"}
    assert document["race"]["assessment"]["verdict"] == "INVALID"


def test_what_cannot_be_raced_is_refused(litert: Bundle, ours: Bundle) -> None:
    with pytest.raises(WrongValueError, match="nothing to race it with"):
        edgekit.bench(litert.path)
    with pytest.raises(WrongValueError, match="0 threads over 31 rounds"):
        edgekit.bench(ours.path, threads=0)


def test_a_model_without_xnnpack_is_not_raced(tmp_path: Path) -> None:
    with pytest.raises(NoDelegateError, match="without its XNNPACK delegate"):
        edgekit.bench(largest_model(tmp_path / "max.tflite"), rounds=1)


def test_the_profile_command_says_what_litert_does_not_tell(
    litert: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(edgekit.profile(litert.path, runs=1), Profile)
    assert run_cli("profile", str(litert.path), "--runs", "1") == ExitCode.DONE
    out = capsys.readouterr().out
    assert "LiteRT tells no operator's time" in out
    assert "not told by LiteRT" in out

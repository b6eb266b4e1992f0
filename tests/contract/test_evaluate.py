"""Evaluate over real connections: one device or several that share the samples, the answers are the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import edgekit
from edgekit.cli.main import main
from edgekit.devices.choice import DeviceChoice
from edgekit.devices.ssh import connect
from edgekit.errors import BundleWrongDeviceError, ConnectionLostError, ExitCode, WrongValueError
from edgekit.evaluate import ClassificationScores, predict_bundle
from edgekit.evaluate.errors import StatefulModelError
from edgekit.oracle import run_oracle
from edgekit.pipeline import Calibration
from edgekit.samples import Preprocessing
from edgekit.testing.digits import digits_model, unseen_digits
from tests.contract.board_server import BoardServer
from tests.contract.conftest import TIMEOUTS, board_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edgekit.artifacts import Bundle
    from edgekit.devices.device import Device

SAMPLES = 300


def silent(_stage: str, _share: float | None) -> None:
    """Progress that nobody watches."""


def run_cli(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    code = left.value.code
    assert isinstance(code, int)
    return code


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "digits.tflite"
    path.write_bytes(digits_model())
    return path


@pytest.fixture(scope="module")
def bundle(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return edgekit.build(model, target="host", output=tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images, digits = unseen_digits()
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, x=images[:SAMPLES], labels=digits[:SAMPLES])
    return path


@pytest.fixture(scope="module")
def integers() -> NDArray[Any]:
    images, _ = unseen_digits()
    return np.clip(np.round(images[:SAMPLES, np.newaxis] * 255) - 128, -128, 127).astype(np.int8)


@pytest.fixture(scope="module")
def expected(integers: NDArray[Any]) -> NDArray[Any]:
    return np.stack([scores for (scores,) in run_oracle(digits_model(), [(each,) for each in integers])])


@pytest.fixture
def boards(tmp_path: Path) -> Iterator[tuple[BoardServer, BoardServer]]:
    """Two boards, which the user's SSH configuration calls one and two."""
    servers = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        servers.append(BoardServer(tmp_path / name))
    yield servers[0], servers[1]
    for server in servers:
        server.close()


@pytest.fixture
def named(boards: tuple[BoardServer, BoardServer], identity: Path) -> tuple[DeviceChoice, DeviceChoice]:
    folder = Path.home() / ".ssh"
    folder.mkdir()
    for name, board in zip(("one", "two"), boards, strict=True):
        known = f"[127.0.0.1]:{board.port} {board.host_key.get_name()} {board.host_key.get_base64()}\n"
        with (folder / "known_hosts").open("a") as file:
            file.write(known)
        with (folder / "config").open("a") as file:
            file.write(f"Host {name}\n HostName 127.0.0.1\n Port {board.port}\n IdentityFile {identity}\n")
    return DeviceChoice(host="one"), DeviceChoice(host="two")


def runs(board: BoardServer) -> int:
    return sum("edgekit-runner run" in command for command in board.commands)


def test_every_device_gives_the_oracle_s_bytes(
    device: Device, bundle: Bundle, integers: NDArray[Any], expected: NDArray[Any]
) -> None:
    (found,) = predict_bundle(bundle, [device], (integers,), progress=silent)
    np.testing.assert_array_equal(found, expected)


def test_batches_go_through_one_connection_and_one_copy_of_the_model(
    board: BoardServer, tmp_path: Path, identity: Path, bundle: Bundle, integers: NDArray[Any]
) -> None:
    with connect(board_address(board, tmp_path, identity), TIMEOUTS) as device:
        predict_bundle(bundle, [device], (integers,), progress=silent)
    assert runs(board) > 1
    assert sum("mktemp" in command for command in board.commands) == 1


def test_devices_that_share_the_samples_give_what_one_gives(
    boards: tuple[BoardServer, BoardServer],
    tmp_path: Path,
    identity: Path,
    bundle: Bundle,
    integers: NDArray[Any],
    expected: NDArray[Any],
) -> None:
    # The first board holds back its first samples until the second one has done all others.
    first, second = boards
    first.faults.pause_at = "edgekit-runner run"

    def watch(_stage: str, share: float | None) -> None:
        if share is not None and share > 0.9:
            first.faults.go.set()

    with (
        connect(board_address(first, tmp_path, identity), TIMEOUTS) as one,
        connect(board_address(second, tmp_path, identity), TIMEOUTS) as other,
    ):
        (found,) = predict_bundle(bundle, [one, other], (integers,), progress=watch)
    np.testing.assert_array_equal(found, expected)
    assert runs(first) >= 1
    assert runs(second) >= 1


def test_a_device_that_is_lost_ends_the_evaluation(
    boards: tuple[BoardServer, BoardServer],
    tmp_path: Path,
    identity: Path,
    bundle: Bundle,
    integers: NDArray[Any],
) -> None:
    first, second = boards
    first.faults.drop_before = "edgekit-runner run"
    with (
        connect(board_address(first, tmp_path, identity), TIMEOUTS) as one,
        connect(board_address(second, tmp_path, identity), TIMEOUTS) as other,
        pytest.raises(ConnectionLostError),
    ):
        predict_bundle(bundle, [one, other], (integers,), progress=silent)


def test_a_build_is_scored_beside_its_model(model: Path, bundle: Bundle, data: Path) -> None:
    found = edgekit.evaluate([model, bundle.path], data=data, cost=False, tolerance=0)
    first, second = found.evaluated
    assert first.scores == second.scores
    assert (second.name, second.kind, second.target, second.engine) == ("host", "build", "host", "edgekit")
    assert second.digest == first.digest
    assert second.devices == ("this machine",)
    agreed = second.agreement
    assert agreed is not None
    assert (agreed.share, agreed.identical_share, agreed.largest_difference) == (1, 1, 0)
    assert found.passes


def test_raw_samples_are_preprocessed_as_the_build_was_calibrated(tmp_path: Path) -> None:
    images, digits = unseen_digits()
    raw = np.round(images[:SAMPLES] * 16).astype(np.uint8)
    np.save(tmp_path / "calibration.npy", raw[:100])
    np.savez(tmp_path / "raw.npz", x=raw[100:], labels=digits[100:SAMPLES])
    (tmp_path / "floating.tflite").write_bytes(digits_model(floating=True))
    calibration = Calibration(samples=tmp_path / "calibration.npy", preprocessing=Preprocessing(scale=1 / 16))
    built = edgekit.build(
        tmp_path / "floating.tflite", target="host", output=tmp_path / "build", calibration=calibration
    )
    found = edgekit.evaluate(
        [tmp_path / "floating.tflite", built.path], data=tmp_path / "raw.npz", cost=False
    )
    exact, quantized = (each.scores for each in found.evaluated)
    assert isinstance(exact, ClassificationScores)
    assert isinstance(quantized, ClassificationScores)
    assert exact.accuracy > 0.85
    assert abs(exact.accuracy - quantized.accuracy) < 0.02


def test_hosts_share_a_build_s_samples(
    named: tuple[DeviceChoice, DeviceChoice], model: Path, bundle: Bundle, data: Path
) -> None:
    found = edgekit.evaluate([model, bundle.path], data=data, devices=named, cost=False, tolerance=0)
    assert len(found.evaluated[1].devices) == 2
    assert found.evaluated[0].scores == found.evaluated[1].scores
    assert found.passes


def test_the_command_takes_several_hosts_and_times_the_first(
    named: tuple[DeviceChoice, DeviceChoice],
    model: Path,
    bundle: Bundle,
    data: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hosts = ("--host", "one", "--host", "two")
    assert run_cli("evaluate", bundle.path, "--data", data, *hosts, "--json") == 0
    (one,) = json.loads(capsys.readouterr().out)["evaluated"]
    assert len(one["devices"]) == 2
    cost = one["cost"]
    assert cost["latency_ns"] > 0
    assert cost["measured_on"] == one["devices"][0]
    assert cost["instructions"] is None
    memory = bundle.manifest["memory"]
    assert (cost["ram_bytes"], cost["flash_bytes"]) == (memory["arena_bytes"], memory["library_bytes"])


def test_people_see_the_latency(bundle: Bundle, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("evaluate", bundle.path, "--data", data, "--limit", "20") == 0
    printed = capsys.readouterr().out
    assert "latency" in printed
    assert "instructions" not in printed


def test_a_host_for_which_there_is_no_build_is_refused(
    named: tuple[DeviceChoice, DeviceChoice], model: Path, data: Path
) -> None:
    with pytest.raises(BundleWrongDeviceError, match=r"No build here is for [\s\S]*builds are for: none"):
        edgekit.evaluate([model], data=data, devices=named[:1])


def test_a_debug_probe_is_refused(bundle: Bundle, data: Path) -> None:
    with pytest.raises(WrongValueError, match="debug probe"):
        edgekit.evaluate([bundle.path], data=data, devices=[DeviceChoice(probe=True)])


def test_a_build_that_carries_state_is_refused(good: Bundle, tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", np.zeros((3, 2, 4), np.float32))
    with pytest.raises(StatefulModelError, match="tiny cannot be evaluated"):
        edgekit.evaluate([good.path], data=tmp_path / "frames.npy")


def test_a_target_without_a_build_leaves_with_5(
    bundle: Bundle,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "build").symlink_to(bundle.path.parents[1])
    monkeypatch.chdir(tmp_path)
    assert run_cli("evaluate", "--target", "rpi4", "--data", data) == ExitCode.DEVICE
    assert "edgekit build --target rpi4" in capsys.readouterr().err

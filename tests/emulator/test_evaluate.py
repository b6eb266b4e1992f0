"""Evaluate on an emulated board and an emulated microcontroller beside this machine: the same predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import edgekit
from edgekit.cli.main import main
from edgekit.paths import cache_directory
from edgekit.testing.digits import digits_model, unseen_digits

if TYPE_CHECKING:
    from edgekit.devices.emulated.board import BoardInfo

pytestmark = pytest.mark.emulator

SAMPLES, FEWER = 400, 100


def test_all_targets_predict_the_same_and_tell_time_from_instructions(
    board: BoardInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    images, digits = unseen_digits()
    np.savez("digits.npz", x=images[:SAMPLES], labels=digits[:SAMPLES])
    model = tmp_path / "digits.tflite"
    model.write_bytes(digits_model())
    targets = ("host", board.name, "cortex-m4")
    for target in targets:
        edgekit.build(model, target=target, output="build")
    arguments = ["evaluate", "--data", "digits.npz", "--tolerance", "0", "--json"]
    for target in targets:
        arguments += ["--target", target]
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--limit", f"cortex-m4={FEWER}"])
    assert left.value.code == 0
    document = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in document["evaluated"]] == list(targets)
    here, linux, bare = document["evaluated"]
    assert here["scores"] == linux["scores"]
    assert here["scores"]["accuracy"] > 0.8
    assert [each["samples"] for each in (here, linux, bare)] == [SAMPLES, SAMPLES, FEWER]
    for each, samples in ((linux, SAMPLES), (bare, FEWER)):
        agreed = each["agreement"]
        assert (agreed["samples"], agreed["share"], agreed["identical_share"]) == (samples, 1, 1)
        assert each["cost"]["latency_ns"] is None
        assert each["cost"]["instructions"] > 0
        assert each["devices"] == [f"emulated {each['name']}"]
    assert here["cost"]["latency_ns"] > 0
    assert here["cost"]["instructions"] is None


def test_an_emulated_board_that_is_reached_by_its_address_is_counted_not_timed(
    board: BoardInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, digits = unseen_digits()
    np.savez(tmp_path / "digits.npz", x=images[:20], labels=digits[:20])
    (tmp_path / "digits.tflite").write_bytes(digits_model())
    bundle = edgekit.build(tmp_path / "digits.tflite", target=board.name, output=tmp_path / "build")
    # The home that gets to know the board's host key is the test's; caches stay.
    monkeypatch.setenv("EDGEKIT_CACHE", str(cache_directory()))
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(Path.home() / ".cache" / "zig"))
    monkeypatch.setenv("HOME", str(tmp_path))
    address = edgekit.DeviceChoice(
        host=board.host,
        user=board.user,
        port=board.port,
        identity=Path(board.identity),
        accept_new_host_key=True,
    )
    found = edgekit.evaluate([bundle.path], data=tmp_path / "digits.npz", devices=[address])
    (one,) = found.evaluated
    assert one.cost is not None
    assert (one.cost.latency_ns, one.cost.verdict) == (None, None)
    assert (one.cost.instructions or 0) > 0
    assert one.cost.measured_on is not None
    assert "qemu" in one.cost.measured_on

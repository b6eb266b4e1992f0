"""Evaluate on an emulated board and an emulated microcontroller beside this machine: the same predictions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

import edgekit
from edgekit.cli.main import main
from edgekit.testing.digits import digits_model, unseen_digits

if TYPE_CHECKING:
    from pathlib import Path

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

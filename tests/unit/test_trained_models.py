"""Trained models, built for this machine and run on it: every output byte is the oracle's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgekit.devices.local import LocalDevice
from edgekit.evaluate import verify_bundle
from edgekit.pipeline import compile_model
from edgekit.target import load_target
from edgekit.testing.models import ALL, STREAMING, model_path

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ALL)
def test_a_trained_model_gives_the_oracles_bytes_on_this_machine(name: str, tmp_path: Path) -> None:
    bundle = compile_model(model_path(name), load_target("host"), tmp_path)
    verification = verify_bundle(bundle, LocalDevice(), progress=lambda _stage, _share: None)
    assert verification.equal, verification
    assert verification.frames >= (100 if name in STREAMING else 20)
    for threads in (2, 3, 4, 7):
        shared = verify_bundle(
            bundle, LocalDevice(), outputs_only=True, threads=threads, progress=lambda _stage, _share: None
        )
        assert shared.equal, (threads, shared)

"""A large network, made and quantized by TensorFlow: built within its memory, the same bytes twice, exact."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from edgekit.devices.local import LocalDevice
from edgekit.evaluate import verify_bundle
from edgekit.pipeline import compile_model
from edgekit.target import load_target

pytestmark = pytest.mark.full

_GENERATOR = Path(__file__).parent.parent / "helpers" / "make_mobilenet.py"
_GIB = 1 << 30


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MobileNetV2 at 224x224 with random weights."""
    path = tmp_path_factory.mktemp("mobilenet") / "mobilenet_v2.tflite"
    subprocess.run(
        [sys.executable, "-W", "ignore", str(_GENERATOR), str(path)], check=True, capture_output=True
    )
    return path


def test_it_builds_within_four_gib_and_gives_the_same_bytes_twice(mobilenet: Path, tmp_path: Path) -> None:
    one, two = (compile_model(mobilenet, load_target("rpi4"), tmp_path / n) for n in ("one", "two"))
    files = sorted(path.name for path in one.path.iterdir())
    assert [f for f in files if (one.path / f).read_bytes() != (two.path / f).read_bytes()] == []
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert peak_kib * 1024 < 4 * _GIB


def test_it_gives_the_oracles_bytes_on_this_machine(mobilenet: Path, tmp_path: Path) -> None:
    bundle = compile_model(mobilenet, load_target("host"), tmp_path)
    assert verify_bundle(bundle, LocalDevice(), progress=lambda _stage, _share: None).equal

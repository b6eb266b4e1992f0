"""A bundle whose engine is LiteRT: the .tflite file itself, and a runner that puts LiteRT in its place."""

from __future__ import annotations

import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.artifacts import Golden
from edgekit.devices import runner
from edgekit.devices.frames import pack_frames, unpack_frames
from edgekit.devices.local import LocalDevice
from edgekit.errors import LiteRtMissingError
from edgekit.package.bundle import write_bundle
from edgekit.package.golden import default_vectors, golden_bytes, random_frames
from edgekit.package.manifest import json_bytes, make_litert_manifest
from edgekit.package.report import make_report
from edgekit.package.runner_binary import RUNNER_NAME
from edgekit.runtime import runtime_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.artifacts import Bundle, QuantizedModel
    from edgekit.target import Target

MODEL_NAME = "model.tflite"


def package_litert(
    model: QuantizedModel, macs: Mapping[int, int], target: Target, *, directory: Path
) -> Bundle:
    """Write a bundle to `directory` that LiteRT runs on the device, replacing what is there.

    Its golden vectors are LiteRT's own answers on this machine, with XNNPACK and one thread: what LiteRT
    computes is not what the oracle does, and not the same bytes on every CPU, so they are compared with a
    tolerance (`TOLERANCE_STEPS`). Where LiteRT is not installed here, the manifest says that there are none.

    Args:
        model: as it was read; LiteRT gets its flatbuffer unchanged.
        macs: multiply-accumulates of each operator, by its index.
        target: the board; LiteRT chooses its kernels there by itself.
        directory: build/<model>/<target>.

    Raises:
        BundleUnwritableError: the folder cannot be written.
        LibraryRefusedError, RunnerFailedError: LiteRT refuses the model, or crashes on it.
    """
    vectors = default_vectors(model.graph, sum(macs.values()))
    script = runtime_file("litert_runner.py").read_bytes()
    golden = _golden(model, script, vectors)
    files = {MODEL_NAME: model.flatbuffer, RUNNER_NAME: script, "golden.npz": golden_bytes(golden)}
    # As in `package_bundle`, the report repeats the manifest's figures.
    files["report.json"] = json_bytes(make_report(make_litert_manifest(model, macs, target, golden, files)))
    return write_bundle(directory, files, make_litert_manifest(model, macs, target, golden, files))


def _golden(model: QuantizedModel, script: bytes, vectors: int) -> Golden:
    inputs = random_frames(model.graph, vectors)
    tensors = [model.graph.tensors[index] for index in model.graph.outputs]
    with tempfile.TemporaryDirectory(prefix="edgekit-litert-") as name:
        folder = Path(name)
        (folder / MODEL_NAME).write_bytes(model.flatbuffer)
        (folder / RUNNER_NAME).write_bytes(script)
        (folder / RUNNER_NAME).chmod(0o755)
        (folder / "inputs").write_bytes(pack_frames(inputs))
        here = LocalDevice(folder)
        try:
            made_by = runner.describe(here, name, MODEL_NAME).runtime
            runner.run(here, name, MODEL_NAME, "inputs", "outputs")
        except LiteRtMissingError as error:
            return Golden(inputs=inputs, outputs=None, oracle=None, unchecked=f"{error.what} {error.why}")
        answers = unpack_frames(
            (folder / "outputs").read_bytes(), [(t.shape, t.dtype.value) for t in tensors]
        )
    assert made_by is not None
    delegate = f" with {made_by.delegate}" if made_by.delegate else ""
    return Golden(inputs=inputs, outputs=answers, oracle=f"{made_by.name}{delegate} on {platform.machine()}")

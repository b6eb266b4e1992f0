"""Package: code, header, runner, binding and golden vectors into one bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.package.bundle import read_bundle, write_bundle
from edgekit.package.golden import default_vectors, golden_bytes, make_golden
from edgekit.package.litert import package_litert
from edgekit.package.manifest import json_bytes, make_manifest
from edgekit.package.report import make_report
from edgekit.package.runner_binary import RUNNER_NAME, build_runner
from edgekit.runtime import runtime_file

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.artifacts import Bundle, Code, QuantizedModel
    from edgekit.target import Target

__all__ = ["package_bundle", "package_litert", "read_bundle"]


def package_bundle(model: QuantizedModel, code: Code, target: Target, *, directory: Path) -> Bundle:
    """Write the bundle of a built model to `directory` (build/<model>/<target>), replacing what is there.

    Golden vectors come from the oracle; where it is not installed or cannot run the model, the manifest
    says that they were not checked, and why. The same model, code and tools give the same bytes.

    Raises:
        BundleUnwritableError: the folder cannot be written.
        ToolMissingError: the C compiler is not installed.
    """
    vectors = default_vectors(model.graph, code.macs)
    golden = make_golden(model, vectors=vectors)
    files = {
        **code.files,
        "model.tflite": model.flatbuffer,
        "golden.npz": golden_bytes(golden),
        "edgekit.h": runtime_file("edgekit.h").read_bytes(),
        "edgekit_model.py": runtime_file("edgekit_model.py").read_bytes(),
        RUNNER_NAME: build_runner(target),
    }
    # The report repeats the manifest's figures, and is itself a file that the manifest lists.
    files["report.json"] = json_bytes(make_report(make_manifest(model, code, target, golden, files)))
    manifest = make_manifest(model, code, target, golden, files)
    return write_bundle(directory, files, manifest)

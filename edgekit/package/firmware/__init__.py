"""Package for microcontrollers: C sources, what build systems need to take them in, and a self-test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.package.bundle import write_bundle
from edgekit.package.firmware.projects import project_files
from edgekit.package.firmware.readme import readme
from edgekit.package.firmware.self_test import self_test_source
from edgekit.package.golden import default_vectors, golden_bytes, make_golden
from edgekit.package.manifest import json_bytes, make_manifest
from edgekit.package.report import make_report
from edgekit.runtime import runtime_file

if TYPE_CHECKING:
    from pathlib import Path

    from edgekit.artifacts import Bundle, Code, QuantizedModel
    from edgekit.target import Target

__all__ = ["package_firmware"]


def package_firmware(model: QuantizedModel, code: Code, target: Target, *, directory: Path) -> Bundle:
    """Write the package of a model for a microcontroller to `directory`, replacing what is there.

    Raises:
        BundleUnwritableError: the folder cannot be written.
    """
    assert code.firmware is not None, model.name
    prefix, flags = code.firmware.prefix, code.firmware.flags
    golden = make_golden(model, vectors=default_vectors(model.graph, code.macs))
    self_test = self_test_source(prefix, golden, len(model.graph.outputs))
    sources = {**code.files, f"src/{prefix}_self_test.c": self_test.encode()}
    compiled = sorted(name for name in sources if name.endswith(".c"))
    files = {
        **sources,
        **{n: t.encode() for n, t in project_files(prefix, target.name, compiled, flags).items()},
        "include/edgekit.h": runtime_file("edgekit.h").read_bytes(),
        "model.tflite": model.flatbuffer,
        "golden.npz": golden_bytes(golden),
    }
    draft = make_manifest(model, code, target, golden, files)
    # Both repeat the manifest's figures, and are files that the manifest lists.
    files["README.md"] = readme(draft).encode()
    files["report.json"] = json_bytes(make_report(draft))
    return write_bundle(directory, files, make_manifest(model, code, target, golden, files))

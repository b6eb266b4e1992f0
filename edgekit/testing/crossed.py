"""Run a model's library for another CPU under QEMU's user emulation, without a board: for kernel tests."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.codegen import generate, library_name
from edgekit.devices.emulated.identity import architecture_of
from edgekit.devices.emulated.rootfs import userland
from edgekit.devices.emulated.tools import find_tool
from edgekit.devices.frames import pack_frames, unpack_frames
from edgekit.ingest import read_tflite
from edgekit.lower import lower
from edgekit.package.runner_binary import build_runner
from edgekit.schedule import schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgekit.schedule.template import Lookup
    from edgekit.target import Target

    Frame = Sequence[NDArray[Any]]


def run_crossed(
    flatbuffer: bytes,
    frames: Sequence[Frame],
    target: Target,
    lookup: Lookup = lambda _job: None,
    threads: int = 1,
) -> list[tuple[NDArray[Any], ...]]:
    """Outputs of each frame in turn, by the library that a build for `target` ships.

    `lookup` has the tuned choices, if any; `threads` share the work of each frame.
    """
    model = read_tflite(flatbuffer, name="model")
    code = generate(model, schedule(lower(model), target, lookup))
    architecture = architecture_of(target)
    libraries = userland(architecture.debian, lambda _stage, _share: None)
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        directory = Path(folder)
        runner, library, inputs, outputs = (
            directory / name for name in ("edgekit-runner", library_name("model"), "inputs", "outputs")
        )
        runner.write_bytes(build_runner(target))
        runner.chmod(0o755)
        library.write_bytes(code.files[library.name])
        inputs.write_bytes(pack_frames([np.stack(arrays) for arrays in zip(*frames, strict=True)]))
        qemu = [find_tool(f"qemu-{architecture.qemu}"), "-cpu", target.emulated_cpu, "-L", str(libraries)]
        done = subprocess.run(
            [*qemu, str(runner), "run", str(library), str(inputs), str(outputs), "--threads", str(threads)],
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        tensors = [model.graph.tensors[index] for index in model.graph.outputs]
        arrays = unpack_frames(outputs.read_bytes(), [(t.shape, str(t.dtype)) for t in tensors])
    return [tuple(array[i] for array in arrays) for i in range(len(frames))]

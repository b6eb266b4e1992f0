"""Predict: a model's answers to samples, by what computes it on a device, in the oracle or in LiteRT."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekit.devices import runner
from edgekit.devices.frames import pack_frames, unpack_frames
from edgekit.devices.local import LocalDevice
from edgekit.devices.workspace import get_bytes, installed, put_bytes
from edgekit.evaluate.batches import run_batches
from edgekit.evaluate.errors import StatefulModelError
from edgekit.oracle import run_oracle
from edgekit.runtime import runtime_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from edgekit.artifacts import Bundle, FloatModel, QuantizedModel
    from edgekit.devices.device import Device
    from edgekit.devices.workspace import Installed
    from edgekit.evaluate.batches import Arrays, Work

    Progress = Callable[[str, float | None], None]
    Shapes = list[tuple[tuple[int, ...], str]]

_INPUTS, _OUTPUTS, _MODEL = "inputs.bin", "outputs.bin", "model.tflite"


def predict_bundle(
    bundle: Bundle, devices: Sequence[Device], inputs: Arrays, *, progress: Progress
) -> Arrays:
    """A bundle's answers, from one device or from several that share the samples.

    The model is copied to each device once, and all batches go through the connections that are open.

    Args:
        bundle: a bundle whose files were checked, for CPUs like the devices'.
        devices: where to run it.
        inputs: one array an input, in the model's order and types, samples first.
        progress: told the share done.

    Returns:
        One array an output, samples first: the same whatever the devices' number and order.

    Raises:
        StatefulModelError: the model carries state from one sample to the next.
        RunnerFailedError, LibraryRefusedError: the model does not run there.
        DeviceError: a device cannot be reached, or has no room.
    """
    name = bundle.manifest["model"]["name"]
    if bundle.manifest["golden"]["streaming"]:
        raise stateful(name)
    shapes = [(tuple(t["shape"]), t["dtype"]) for t in bundle.manifest["tensors"]["outputs"]]
    with ExitStack() as stack:
        workers = [
            _on_device(device, stack.enter_context(installed(device, bundle)), shapes) for device in devices
        ]
        stage = f"{name}: {len(inputs[0]):,} samples on {', '.join(device.name for device in devices)}"
        return run_batches(inputs, workers, stage=stage, progress=progress)


def _on_device(device: Device, model: Installed, shapes: Shapes) -> Work:
    inputs, outputs = model.scratch_file(_INPUTS), model.scratch_file(_OUTPUTS)

    def work(batch: Arrays) -> Arrays:
        put_bytes(device, pack_frames(batch), inputs)
        runner.run(device, model.directory, model.library, inputs, outputs)
        return unpack_frames(get_bytes(device, outputs), shapes)

    return work


def predict_by_oracle(model: QuantizedModel, inputs: Arrays, *, progress: Progress) -> Arrays:
    """A quantized model's answers, as the reference interpreter computes them.

    Args:
        model: as it was read.
        inputs: as for `predict_bundle`.
        progress: told the share done.

    Raises:
        StatefulModelError: the model carries state from one sample to the next.
        OracleMissingError, OracleCannotRunError: the interpreter is not here, or cannot run the model.
    """
    if model.graph.variables:
        raise stateful(model.name)

    def work(batch: Arrays) -> Arrays:
        answers = run_oracle(model.flatbuffer, list(zip(*batch, strict=True)))
        return tuple(np.stack(column) for column in zip(*answers, strict=True))

    stage = f"{model.name}: {len(inputs[0]):,} samples in the oracle"
    return run_batches(inputs, [work], stage=stage, progress=progress)


def predict_by_litert(model: FloatModel, inputs: Arrays, *, progress: Progress) -> tuple[Arrays, str]:
    """A float model's answers by LiteRT on this machine, in a process of its own, and LiteRT's version.

    Raises:
        LiteRtMissingError: LiteRT is not installed here.
        LibraryRefusedError, RunnerFailedError: LiteRT refuses the model, or crashes on it.
    """
    shapes = [(tensor.shape, tensor.dtype.value) for tensor in model.outputs]
    with tempfile.TemporaryDirectory(prefix="edgekit-litert-") as name:
        folder = Path(name)
        (folder / _MODEL).write_bytes(model.flatbuffer)
        (folder / runner.RUNNER_NAME).write_bytes(runtime_file("litert_runner.py").read_bytes())
        (folder / runner.RUNNER_NAME).chmod(0o755)
        here = LocalDevice(folder)
        described = runner.describe(here, name, _MODEL)
        assert described.runtime is not None

        def work(batch: Arrays) -> Arrays:
            (folder / _INPUTS).write_bytes(pack_frames(batch))
            runner.run(here, name, _MODEL, _INPUTS, _OUTPUTS)
            return unpack_frames((folder / _OUTPUTS).read_bytes(), shapes)

        stage = f"{model.name}: {len(inputs[0]):,} samples in {described.runtime.name}"
        return run_batches(inputs, [work], stage=stage, progress=progress), described.runtime.name


def stateful(name: str) -> StatefulModelError:
    """What is said of a model that carries state."""
    return StatefulModelError(
        f"{name} cannot be evaluated sample by sample.",
        why="It carries state from one frame to the next, so that an answer depends on all frames before.",
        fix="Feed it its frames in sequence with `edgekit run`, and score what it answers.",
    )


def evenly(total: int, limit: int | None) -> NDArray[np.int64]:
    """The numbers of `limit` samples that lie evenly among `total`; of all where there are no more."""
    if limit is None or limit >= total:
        return np.arange(total, dtype=np.int64)
    return np.arange(limit, dtype=np.int64) * total // limit

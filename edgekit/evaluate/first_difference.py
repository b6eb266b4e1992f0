"""Which operator goes wrong first: the device's intermediate tensors against the oracle's."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.devices import runner
from edgekit.devices.frames import frames_of, pack_frames
from edgekit.devices.workspace import put_bytes
from edgekit.errors import DeviceRefusedError
from edgekit.oracle import operator_outputs, oracle_intermediates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from edgekit.devices.device import Device
    from edgekit.devices.runner import StepDescription, TensorDescription
    from edgekit.devices.workspace import Installed

_INPUTS, _DUMP = "suspect.bin", "dump"
_BATCH_BYTES = 4 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class OperatorDifference:
    """The first operator, in execution order, whose output is not the oracle's, and where in it."""

    frame: int
    index: int  # of the operator in the model
    kind: str
    kernel: str
    tensor: str
    coordinates: tuple[int, ...]  # of the first differing element, row-major
    expected: float
    actual: float
    differing_elements: int  # in this tensor


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """What comparing every operator's output in one frame gave."""

    frame: int
    compared: int  # tensors that were looked at, up to the first difference
    first: OperatorDifference | None


def compare_operators(
    device: Device,
    model: Installed,
    flatbuffer: bytes,
    inputs: Sequence[NDArray[Any]],
    frame: int,
    *,
    streaming: bool,
    threads: int = 1,
) -> Comparison:
    """Run a frame on the device and in the oracle, and compare every operator's output in it.

    `inputs` have the frames first. For a streaming model the frames before it are run first.

    Raises:
        OracleMissingError, OracleCannotRunError: as `edgekit.oracle`.
        RunnerFailedError, DeviceError: as `edgekit.devices.runner.dump`.
    """
    leading = [tensor[0 if streaming else frame : frame + 1] for tensor in inputs]
    last = len(leading[0]) - 1
    _dump(device, model, leading, last, threads)
    expected = oracle_intermediates(flatbuffer, list(frames_of(leading)), last_only=True)[-1]
    outputs = operator_outputs(flatbuffer)
    wanted = [
        _Dumped(step=step, tensor=step.outputs[position], index=index, file=f"{last}-{number}-{position}.bin")
        for number, step in enumerate(runner.describe(device, model.directory, model.library).operators)
        for position, index in _graph_tensors(step, outputs)
        # A tensor that is kept in another form on the device cannot be compared.
        if index in expected and expected[index].nbytes == step.outputs[position].bytes
    ]
    compared = 0
    for dumped, content in _fetch(device, model, wanted):
        compared += 1
        found = _compare(expected[dumped.index], content, dumped, frame)
        if found is not None:
            return Comparison(frame=frame, compared=compared, first=found)
    return Comparison(frame=frame, compared=compared, first=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Dumped:
    """A step's output in a file on the device, and the tensor of the model that it is."""

    step: StepDescription
    tensor: TensorDescription
    index: int
    file: str


def _fetch(device: Device, model: Installed, wanted: Sequence[_Dumped]) -> Iterator[tuple[_Dumped, bytes]]:
    """The files' contents, in order; several come in one go, as a round trip may take long."""
    for batch in _batches(wanted):
        paths = [model.scratch_file(f"{_DUMP}/{dumped.file}") for dumped in batch]
        done = device.run("cat", "--", *paths, timeout_seconds=None)
        sizes = [dumped.tensor.bytes for dumped in batch]
        if done.exit_code != 0 or len(done.stdout) != sum(sizes):
            raise DeviceRefusedError(
                f"{device.name} does not give back the operators' outputs.",
                why=done.stderr.decode(errors="replace").strip()
                or "They are not of the size they should be.",
                fix="See that its disk is not full.",
            )
        start = 0
        for dumped, size in zip(batch, sizes, strict=True):
            yield dumped, done.stdout[start : start + size]
            start += size


def _batches(wanted: Sequence[_Dumped]) -> Iterator[list[_Dumped]]:
    batch: list[_Dumped] = []
    for dumped in wanted:
        if batch and sum(each.tensor.bytes for each in batch) + dumped.tensor.bytes > _BATCH_BYTES:
            yield batch
            batch = []
        batch.append(dumped)
    if batch:
        yield batch


def _dump(device: Device, model: Installed, inputs: Sequence[NDArray[Any]], frame: int, threads: int) -> None:
    put_bytes(device, pack_frames(inputs), model.scratch_file(_INPUTS))
    destination = model.scratch_file(_DUMP)
    made = device.run("mkdir", "-p", "--", destination)
    if made.exit_code != 0:
        raise DeviceRefusedError(
            f"{device.name} makes no folder {destination}.",
            why=made.stderr.decode(errors="replace").strip(),
            fix="See that its disk is not full.",
        )
    inputs_path = model.scratch_file(_INPUTS)
    places = (model.directory, model.library, inputs_path, destination)
    runner.dump(device, *places, frame=frame, threads=threads)


def _graph_tensors(
    step: StepDescription, outputs: Mapping[int, Mapping[str, int]]
) -> Iterator[tuple[int, int]]:
    """Positions in a step's outputs and the model's tensors that they are.

    An operator that takes several kernels has steps whose outputs are no tensor of the model.
    """
    known = outputs.get(step.index, {})
    for position, tensor in enumerate(step.outputs):
        if tensor.name in known:
            yield position, known[tensor.name]


def _compare(
    expected: NDArray[Any], content: bytes, dumped: _Dumped, frame: int
) -> OperatorDifference | None:
    # Bytes, not values: a NaN does not equal itself, and -0.0 is not 0.0.
    wanted = np.ascontiguousarray(expected).reshape(-1)
    actual = np.frombuffer(content, wanted.dtype.newbyteorder("<")).astype(wanted.dtype)
    size = wanted.dtype.itemsize
    unequal = (wanted.view(np.uint8) != actual.view(np.uint8)).reshape(-1, size).any(axis=1)
    places = np.flatnonzero(unequal)
    if places.size == 0:
        return None
    first = int(places[0])
    return OperatorDifference(
        frame=frame,
        index=dumped.step.index,
        kind=dumped.step.name,
        kernel=dumped.step.kernel,
        tensor=dumped.tensor.name,
        coordinates=tuple(int(i) for i in np.unravel_index(first, expected.shape)),
        expected=wanted[first].item(),
        actual=actual[first].item(),
        differing_elements=int(places.size),
    )

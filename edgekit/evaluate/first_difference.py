"""Which operator goes wrong first: the device's intermediate tensors against the oracle's."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.devices import runner
from edgekit.devices.frames import frames_of, pack_frames
from edgekit.devices.workspace import get_bytes, put_bytes
from edgekit.errors import DeviceRefusedError
from edgekit.oracle import operator_outputs, oracle_intermediates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from edgekit.devices.device import Device
    from edgekit.devices.runner import StepDescription, TensorDescription
    from edgekit.devices.workspace import Installed

_INPUTS, _DUMP = "suspect.bin", "dump"


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


def find_first_difference(
    device: Device, model: Installed, flatbuffer: bytes, inputs: Sequence[NDArray[Any]], frame: int
) -> OperatorDifference | None:
    """Run up to `frame` on the device and in the oracle, and compare every operator's output in it.

    `inputs` have the frames first. None if no operator's output differs, which means that two runs
    on the device did not answer the same, or that the fault lies after the last operator.

    Raises:
        OracleMissingError, OracleCannotRunError: as `edgekit.oracle`.
        RunnerFailedError, DeviceError: as `edgekit.devices.runner.dump`.
    """
    leading = [tensor[: frame + 1] for tensor in inputs]
    _dump(device, model, leading, frame)
    expected = oracle_intermediates(flatbuffer, list(frames_of(leading)), last_only=True)[-1]
    steps = runner.describe(device, model.directory, model.library).operators
    for number, step in enumerate(steps):
        for position, index in _graph_tensors(step, operator_outputs(flatbuffer)):
            if index not in expected:
                continue
            remote = model.scratch_file(f"{_DUMP}/{frame}-{number}-{position}.bin")
            actual = get_bytes(device, remote)
            found = _compare(expected[index], actual, step, step.outputs[position], frame)
            if found is not None:
                return found
    return None


def _dump(device: Device, model: Installed, inputs: Sequence[NDArray[Any]], frame: int) -> None:
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
    runner.dump(device, model.directory, model.library, inputs_path, destination, frame=frame)


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
    expected: NDArray[Any], content: bytes, step: StepDescription, tensor: TensorDescription, frame: int
) -> OperatorDifference | None:
    if len(content) != expected.nbytes:
        return None  # the tensor is kept in another form on the device
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
        index=step.index,
        kind=step.name,
        kernel=step.kernel,
        tensor=tensor.name,
        coordinates=tuple(int(i) for i in np.unravel_index(first, expected.shape)),
        expected=wanted[first].item(),
        actual=actual[first].item(),
        differing_elements=int(places.size),
    )

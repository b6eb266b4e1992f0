"""Verify: every output byte on the device against the golden vectors of the oracle, or of LiteRT."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from edgekit.artifacts import Golden
from edgekit.devices import runner
from edgekit.devices.frames import frames_of, load_golden, pack_frames
from edgekit.devices.workspace import installed, is_litert, put_bytes
from edgekit.errors import OracleMissingError
from edgekit.evaluate.first_difference import Comparison, OperatorDifference, compare_operators
from edgekit.oracle import oracle_available, oracle_version, run_oracle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from edgekit.artifacts import Bundle
    from edgekit.devices.device import Device
    from edgekit.devices.runner import CheckResult, Difference

    Progress = Callable[[str, float | None], None]

_INPUTS, _EXPECTED = "inputs.bin", "expected.bin"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutputDifference:
    """The first output element that is not the oracle's."""

    frame: int
    tensor: str
    coordinates: tuple[int, ...]
    expected: float | str  # a float that is not finite is a string
    actual: float | str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verification:
    """What comparing every output byte of every frame gave."""

    model: str
    target: str
    device: str
    oracle: str
    frames: int
    streaming: bool  # whether state was carried from frame to frame
    engine: (
        str  # "edgekit", whose answers must be the oracle's; "litert", whose own answers are the reference
    )
    passes: bool  # for EdgeKit: equal; for LiteRT: no output further off than the tolerance
    equal: bool  # every output byte in every frame, and every operator's that was compared
    differing_elements: int  # of outputs
    output_difference: OutputDifference | None
    operators_compared: int  # tensors inside the network that were compared, in one frame
    operator_difference: OperatorDifference | None
    note: str | None  # what else there is to know
    largest_steps: float | None  # LiteRT: the largest distance, in steps of the output's scale
    tolerance_steps: float  # 0 for EdgeKit


def verify_bundle(
    bundle: Bundle,
    device: Device,
    *,
    release: str | None = None,
    outputs_only: bool = False,
    threads: int = 1,
    progress: Progress,
) -> Verification:
    """Run a bundle's golden vectors on a device and compare every output byte.

    Then one frame is run again with every operator's output kept: the first one that differs, to
    name the operator that goes wrong, or the last one if all outputs are equal. Outputs alone prove
    little of a model that rejects almost all inputs, as a wake word does. This needs the oracle on
    this machine.

    A bundle whose engine is LiteRT is held against LiteRT's own answers on the machine that built it,
    within the tolerance in its manifest; LiteRT shows no operator's output.

    Args:
        bundle: a bundle whose files were checked, for a CPU like the device's.
        device: where to run it.
        release: a folder on the device that has the bundle's runner and library already; by default
            they are copied to a temporary one.
        outputs_only: leave the operators out as long as all outputs are equal.
        threads: that share the work of each run.
        progress: told what is being done.

    Raises:
        OracleMissingError: the golden vectors were not checked at build time, and cannot be here.
        RunnerFailedError, LibraryRefusedError: the model does not run there.
        DeviceError: the device cannot be reached, or has no room.
    """
    golden = _with_answers(bundle, load_golden(bundle.path, bundle.manifest))
    with installed(device, bundle, release) as model:
        progress(f"running {golden.frames} golden vectors on {device.name}", None)
        put_bytes(device, pack_frames(golden.inputs), model.scratch_file(_INPUTS))
        put_bytes(device, pack_frames(golden.outputs or ()), model.scratch_file(_EXPECTED))
        result = runner.check(
            device,
            model.directory,
            model.library,
            model.scratch_file(_INPUTS),
            model.scratch_file(_EXPECTED),
            threads=threads,
        )
        inside = None
        if oracle_available() and not (result.equal and outputs_only) and not is_litert(bundle.manifest):
            progress("comparing every operator's output in one frame", None)
            first = result.first_difference
            inside = compare_operators(
                device,
                model,
                (bundle.path / "model.tflite").read_bytes(),
                golden.inputs,
                golden.frames - 1 if first is None else first.frame,
                streaming=bundle.manifest["golden"]["streaming"],
                threads=threads,
            )
    return _verification(bundle, device, golden, result, inside)


def _with_answers(bundle: Bundle, golden: Golden) -> Golden:
    """The golden vectors with the oracle's answers, asked for now where the build could not."""
    if golden.outputs is not None:
        return golden
    if is_litert(bundle.manifest):
        raise OracleMissingError(
            f"The bundle {bundle.path} cannot be verified.",
            why="LiteRT was not installed where it was built, so its golden vectors have no answers.",
            fix="pip install 'edgekit-sdk[litert]' on this machine, then build it again.",
        )
    if not oracle_available():
        raise OracleMissingError(
            f"The bundle {bundle.path} cannot be verified on this machine.",
            why="It was built without the reference interpreter, so its golden vectors have no answers, "
            "and the interpreter is not installed here either.",
            fix="Verify it on an x86-64 Linux machine, where `pip install tflite-micro` works.",
        )
    flatbuffer = (bundle.path / "model.tflite").read_bytes()
    types = [tensor["dtype"] for tensor in bundle.manifest["tensors"]["outputs"]]
    answers = run_oracle(flatbuffer, list(frames_of(golden.inputs)), types)
    outputs = tuple(np.stack(column) for column in zip(*answers, strict=True))
    return Golden(inputs=golden.inputs, outputs=outputs, oracle=oracle_version())


def _note(bundle: Bundle, result: CheckResult, inside: Comparison | None) -> str | None:
    if is_litert(bundle.manifest):
        return (
            "The engine is LiteRT: its answers are held against its own on the machine that built, and are "
            "not bit-exact to the oracle."
        )
    if inside is None and not oracle_available():
        return "Operators were not compared: the reference interpreter is not installed here."
    if inside is None:
        return None
    if result.equal and inside.first is not None:
        return "All outputs are equal on these vectors, but an operator inside is wrong."
    if not result.equal and inside.first is None:
        return (
            "No operator's own output differs when the frame is run again: either the model does not "
            "answer the same twice, or an output is overwritten after it was computed."
        )
    return None


def _verification(
    bundle: Bundle, device: Device, golden: Golden, result: CheckResult, inside: Comparison | None
) -> Verification:
    first = result.first_difference
    operator = None if inside is None else inside.first
    return Verification(
        model=bundle.manifest["model"]["name"],
        target=bundle.manifest["target"]["name"],
        device=device.name,
        oracle=golden.oracle or "",
        frames=result.frames,
        streaming=bundle.manifest["golden"]["streaming"],
        engine=bundle.manifest["engine"],
        passes=result.passes and operator is None,
        equal=result.equal and operator is None,
        differing_elements=result.differing_elements,
        output_difference=None if first is None else _locate(first, bundle.manifest),
        operators_compared=0 if inside is None else inside.compared,
        operator_difference=operator,
        note=_note(bundle, result, inside),
        largest_steps=result.largest_steps,
        tolerance_steps=result.tolerance_steps,
    )


def _locate(difference: Difference, manifest: Mapping[str, Any]) -> OutputDifference:
    tensor = manifest["tensors"]["outputs"][difference.output]
    coordinates = np.unravel_index(difference.element, tuple(tensor["shape"]))
    return OutputDifference(
        frame=difference.frame,
        tensor=tensor["name"],
        coordinates=tuple(int(i) for i in coordinates),
        expected=difference.expected,
        actual=difference.actual,
    )

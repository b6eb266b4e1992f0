"""Run: inputs of the user's through a built model on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.devices import runner
from edgekit.devices.frames import pack_frames, unpack_frames
from edgekit.devices.workspace import get_bytes, installed, put_bytes
from edgekit.errors import InputsDoNotFitError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from edgekit.artifacts import Bundle
    from edgekit.devices.device import Device

    Progress = Callable[[str, float | None], None]

_INPUTS, _OUTPUTS = "inputs.bin", "outputs.bin"


def run_bundle(
    bundle: Bundle,
    device: Device,
    inputs: Mapping[str, NDArray[Any]],
    *,
    release: str | None = None,
    threads: int = 1,
    progress: Progress,
) -> dict[str, NDArray[Any]]:
    """Feed inputs to a bundle's model on a device, and return its outputs by tensor name.

    Inputs are keyed by tensor name, or by position: "0", "1", … Each is of the tensor's shape and
    type, or of several frames on one more leading axis; all must have the same number of frames.
    Frames run in sequence, so that a streaming model's state is carried. With several frames the
    outputs have that leading axis too. `threads` share the work of each frame.

    Raises:
        InputsDoNotFitError: a tensor is missing, unknown, or of another shape or type.
        RunnerFailedError, LibraryRefusedError: the model does not run there.
        DeviceError: the device cannot be reached, or has no room.
    """
    described = bundle.manifest["tensors"]
    stacked, batched = stack_frames(inputs, described["inputs"])
    with installed(device, bundle, release) as model:
        put_bytes(device, pack_frames(stacked), model.scratch_file(_INPUTS))
        frames = stacked[0].shape[0]
        progress(f"running {frames} {'frame' if frames == 1 else 'frames'} on {device.name}", None)
        places = (model.scratch_file(_INPUTS), model.scratch_file(_OUTPUTS))
        runner.run(device, model.directory, model.library, *places, threads=threads)
        content = get_bytes(device, model.scratch_file(_OUTPUTS))
    shapes = [(tuple(tensor["shape"]), tensor["dtype"]) for tensor in described["outputs"]]
    outputs = unpack_frames(content, shapes)
    names = unique_names(described["outputs"])
    return {name: array if batched else array[0] for name, array in zip(names, outputs, strict=True)}


def unique_names(tensors: Sequence[Mapping[str, Any]]) -> list[str]:
    """Tensor names, made unique by a position where a model uses one twice."""
    names = [tensor["name"] for tensor in tensors]
    return [name if names.count(name) == 1 else f"{name}:{i}" for i, name in enumerate(names)]


def stack_frames(
    inputs: Mapping[str, NDArray[Any]], tensors: Sequence[Mapping[str, Any]]
) -> tuple[tuple[NDArray[Any], ...], bool]:
    """Inputs in the model's order with the frames first, and whether the user gave that axis.

    Raises:
        InputsDoNotFitError: as `run_bundle`.
    """
    arrays = _in_order(inputs, unique_names(tensors))
    counts = [_frames(array, tensor) for array, tensor in zip(arrays, tensors, strict=True)]
    if len(set(counts)) > 1:
        found = ", ".join("no frames axis" if count is None else f"{count} frames" for count in counts)
        raise InputsDoNotFitError(
            "The inputs do not have the same number of frames.",
            why=f"In the model's order, they have: {found}.",
            fix="Give every input the same leading axis, or none.",
        )
    batched = bool(counts) and counts[0] is not None
    return tuple(array if batched else array[np.newaxis] for array in arrays), batched


def _in_order(inputs: Mapping[str, NDArray[Any]], names: Sequence[str]) -> list[NDArray[Any]]:
    keys = {name: name for name in names} | {str(i): name for i, name in enumerate(names)}
    found: dict[str, NDArray[Any]] = {}
    for key, array in inputs.items():
        if key not in keys:
            raise InputsDoNotFitError(
                f"The model has no input {key!r}.",
                why=f"Its inputs are: {', '.join(names)}.",
                fix=nearest(key, names, "Name inputs by these names, or by position: 0, 1, …"),
            )
        if keys[key] in found:
            raise InputsDoNotFitError(
                f"Input {keys[key]!r} was given twice.",
                why="Once by its name and once by its position.",
                fix="Give it once.",
            )
        found[keys[key]] = array
    missing = [name for name in names if name not in found]
    if missing:
        raise InputsDoNotFitError(
            f"The inputs lack {', '.join(repr(name) for name in missing)}.",
            why=f"The model takes {len(names)}, {len(found)} were given.",
            fix="Give every input, by name or by position.",
        )
    return [found[name] for name in names]


def _frames(array: NDArray[Any], tensor: Mapping[str, Any]) -> int | None:
    """How many frames an array has; None if it is one tensor without a frames axis."""
    name, shape, dtype = tensor["name"], tuple(tensor["shape"]), tensor["dtype"]
    if array.dtype != np.dtype(dtype):
        raise InputsDoNotFitError(
            f"Input {name!r} is of type {array.dtype}.",
            why=f"The model takes {dtype}; nothing is converted, so that nothing is lost unseen.",
            fix=_conversion(tensor),
        )
    if array.shape == shape:
        return None
    if array.shape[1:] == shape and array.ndim == len(shape) + 1 and array.shape[0] > 0:
        return int(array.shape[0])
    raise InputsDoNotFitError(
        f"Input {name!r} has shape {array.shape}.",
        why=f"The model takes {shape}, or several frames on one more leading axis: {('N', *shape)}.",
        fix="Reshape it, or add the axis that is missing.",
    )


def _conversion(tensor: Mapping[str, Any]) -> str:
    if not tensor.get("scale"):
        return f"Convert it: array.astype('{tensor['dtype']}')."
    limits = np.iinfo(tensor["dtype"])
    return (
        f"Quantize it: np.clip(np.round(array / {tensor['scale']:.9g}) + {tensor['zero_point']}, "
        f"{limits.min}, {limits.max}).astype('{tensor['dtype']}')."
    )

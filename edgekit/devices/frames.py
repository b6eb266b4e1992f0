"""Tensors as the native runner reads and writes them: raw frames, and a bundle's golden vectors."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.artifacts import Golden
from edgekit.errors import BundleUnreadableError, RunnerFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

GOLDEN_NAME = "golden.npz"


def pack_frames(tensors: Sequence[NDArray[Any]]) -> bytes:
    """Little-endian bytes of every frame, every tensor in order. Each array has the frames first."""
    frames = tensors[0].shape[0] if tensors else 0
    return b"".join(_little_endian(tensor[i]) for i in range(frames) for tensor in tensors)


def unpack_frames(content: bytes, tensors: Sequence[tuple[tuple[int, ...], str]]) -> tuple[NDArray[Any], ...]:
    """The arrays that `pack_frames` packed; `tensors` gives each one's shape and type, without frames.

    Raises:
        RunnerFailedError: the bytes are no whole number of frames.
    """
    types = [np.dtype(dtype).newbyteorder("<") for _, dtype in tensors]
    sizes = [
        int(np.prod(shape, dtype=np.int64)) * kind.itemsize
        for (shape, _), kind in zip(tensors, types, strict=True)
    ]
    whole = sum(sizes)
    if whole == 0 or len(content) % whole != 0:
        raise RunnerFailedError(
            "The runner's outputs are not of the model's size.",
            why=f"It wrote {len(content)} bytes; one frame takes {whole}.",
            fix="Look whether the device's disk is full, and try again.",
        )
    table = np.frombuffer(content, np.uint8).reshape(-1, whole)
    starts = np.cumsum([0, *sizes[:-1]])
    return tuple(
        np.ascontiguousarray(table[:, start : start + size])
        .view(kind)
        .reshape(-1, *shape)
        .astype(kind.newbyteorder("="), copy=False)
        for start, size, kind, (shape, _) in zip(starts, sizes, types, tensors, strict=True)
    )


def load_golden(bundle: Path, manifest: Mapping[str, Any]) -> Golden:
    """The golden vectors of a bundle whose files were checked.

    Raises:
        BundleUnreadableError: `golden.npz` does not hold what the manifest says.
    """
    described = manifest["golden"]
    count = {kind: len(manifest["tensors"][f"{kind}s"]) for kind in ("input", "output")}
    try:
        with np.load(bundle / GOLDEN_NAME, allow_pickle=False) as stored:
            inputs = tuple(stored[f"input/{i}"] for i in range(count["input"]))
            outputs = None
            if described["checked"]:
                outputs = tuple(stored[f"output/{i}"] for i in range(count["output"]))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise BundleUnreadableError(
            f"The golden vectors of {bundle} cannot be read.",
            why=str(error),
            fix="Build it again with `edgekit build`.",
        ) from error
    return Golden(inputs=inputs, outputs=outputs, oracle=described["oracle"])


def frames_of(tensors: Sequence[NDArray[Any]]) -> Iterator[tuple[NDArray[Any], ...]]:
    """One tuple of tensors a frame, from arrays with the frames first."""
    return zip(*tensors, strict=True)


def _little_endian(array: NDArray[Any]) -> bytes:
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()

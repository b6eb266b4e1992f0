"""The outputs of frames against those expected, compared as by the native runner (runner_frames.c)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from edgekit.devices.frames import unpack_frames
from edgekit.devices.runner import CheckResult, Difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.devices.runner import TensorDescription


def compare_frames(actual: bytes, expected: bytes, outputs: Sequence[TensorDescription]) -> CheckResult:
    """Compare all frames of a model's outputs, byte for byte; both are packed as by `pack_frames`."""
    forms = [(tensor.shape, tensor.dtype) for tensor in outputs]
    first: Difference | None = None
    count = 0
    tensors = zip(unpack_frames(actual, forms), unpack_frames(expected, forms), strict=True)
    for output, (found, wanted) in enumerate(tensors):
        frames = len(wanted)
        # Bytes, not values: a NaN does not equal itself, and -0.0 is not 0.0.
        pairs = [np.ascontiguousarray(a).reshape(frames, -1).view(np.uint8) for a in (found, wanted)]
        differs = (pairs[0] != pairs[1]).reshape(frames, -1, wanted.dtype.itemsize).any(axis=2)
        count += int(differs.sum())
        places = np.argwhere(differs)
        if len(places) and (first is None or places[0][0] < first.frame):
            frame, element = (int(i) for i in places[0])
            values = (_value(array.reshape(frames, -1)[frame, element].item()) for array in (wanted, found))
            first = Difference(
                frame=frame, output=output, element=element, expected=next(values), actual=next(values)
            )
    frames = len(unpack_frames(expected, forms)[0])
    return CheckResult(frames=frames, equal=count == 0, differing_elements=count, first_difference=first)


def _value(element: float) -> float | str:
    return str(element) if isinstance(element, float) and not math.isfinite(element) else element

"""Between real numbers and a quantized tensor's integers."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from edgekit.artifacts import Tensor


@dataclasses.dataclass(frozen=True, kw_only=True)
class Form:
    """One input or output of a model: real = scale * (integer - zero_point), or a float as it is."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None = None  # None: not quantized
    zero_point: int = 0

    @property
    def elements(self) -> int:
        """Numbers in the tensor."""
        return int(np.prod(self.shape, dtype=np.int64))

    def quantize(self, reals: NDArray[np.float32]) -> NDArray[Any]:
        """What the model takes for these numbers: as QUANTIZE rounds them, half away from zero, clipped.

        Where the tensor is not quantized, the numbers themselves, in its type.
        """
        if self.scale is None:
            return reals.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        # QUANTIZE divides float32 numbers; adding half a step must not round once more.
        steps = (reals.astype(np.float32) / np.float32(self.scale)).astype(np.float64)
        rounded = np.trunc(steps + np.copysign(0.5, steps))
        integers: NDArray[Any] = np.clip(rounded + self.zero_point, limits.min, limits.max).astype(self.dtype)
        return integers

    def reals(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """What the model's answers mean, one row a sample."""
        rows = values.reshape(len(values), -1).astype(np.float64)
        return rows if self.scale is None else (rows - self.zero_point) * self.scale


def manifest_form(tensor: Mapping[str, Any]) -> Form:
    """The form of a tensor that a manifest describes."""
    return Form(
        name=tensor["name"],
        shape=tuple(tensor["shape"]),
        dtype=tensor["dtype"],
        scale=tensor["scale"],
        zero_point=tensor["zero_point"] or 0,
    )


def tensor_form(tensor: Tensor) -> Form:
    """The form of a tensor of a model that was read."""
    quantized = tensor.quantization is not None and not tensor.quantization.is_per_channel
    return Form(
        name=tensor.name,
        shape=tensor.shape,
        dtype=tensor.dtype.value,
        scale=tensor.scale if quantized else None,
        zero_point=tensor.zero_point if quantized else 0,
    )

"""What the operators of random nets are made with: values, the net in the making, and common steps."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from edgekit.testing.tflite_builder import spec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgekit.testing.random_nets import Dice
    from edgekit.testing.tflite_builder import ModelBuilder, TensorSpec

# TFLite Micro refuses scales by which 6.0, the bound of RELU6, overflows an int32.
_SCALES = (1e-7, 1e5)
_ACTIVATIONS = ("NONE", "NONE", "RELU", "RELU6", "RELU_N1_TO_1")


@dataclasses.dataclass(frozen=True)
class Value:
    """An int8 tensor of a net in the making."""

    tensor: int
    shape: tuple[int, ...]
    scale: float
    zero_point: int

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


class Net(Protocol):
    """A net in the making."""

    dice: Dice
    rng: np.random.Generator
    model: ModelBuilder

    def op(
        self, kind: str, inputs: Sequence[int | None], outputs: TensorSpec | list[TensorSpec], **options: Any
    ) -> int:
        """Add an operator; the index of its first output."""
        ...

    def scale(self) -> float:
        """A random scale."""
        ...

    def zero_point(self) -> int:
        """A random zero point."""
        ...

    def partner(self, like: Value, *, same_scale: bool = False) -> Value:
        """Another value of the same shape, or the same one."""
        ...


@dataclasses.dataclass(frozen=True)
class Operator:
    """A way to grow a net: which values it starts from, and what it adds."""

    takes: Callable[[Value], bool]
    add: Callable[[Net, Value], list[Value]]


def always(_: Value) -> bool:
    return True


def is_image(x: Value) -> bool:
    return len(x.shape) == 4


def is_matrix(x: Value) -> bool:
    return len(x.shape) == 2


def same(
    net: Net, kind: str, x: Value, shape: Sequence[int], *parameters: Any, **options: Any
) -> list[Value]:
    """Add an operator that keeps scale and zero point; `parameters` are int32 constants after the input."""
    inputs = [x.tensor, *(net.model.constant(np.asarray(p, np.int32)) for p in parameters)]
    shape = tuple(shape)
    tensor = net.op(kind, inputs, spec(shape, "int8", x.scale, x.zero_point), **options)
    return [Value(tensor, shape, x.scale, x.zero_point)]


def rescaled(
    net: Net, kind: str, inputs: Sequence[int | None], shape: Sequence[int], scale: float, **options: Any
) -> list[Value]:
    """Add an operator whose output has the given scale and a random zero point."""
    scale, zero_point, shape = float(np.float32(np.clip(scale, *_SCALES))), net.zero_point(), tuple(shape)
    tensor = net.op(kind, inputs, spec(shape, "int8", scale, zero_point), **options)
    return [Value(tensor, shape, scale, zero_point)]


def fixed(net: Net, kind: str, x: Value, scale: float, zero_point: int, **options: Any) -> list[Value]:
    """Add an operator whose output's quantization is fixed by its definition."""
    tensor = net.op(kind, [x.tensor], spec(x.shape, "int8", scale, zero_point), **options)
    return [Value(tensor, x.shape, scale, zero_point)]


def spread(net: Net, exact: float) -> float:
    """An output scale near `exact`, so that outputs neither vanish nor saturate; sometimes far from it."""
    return exact * net.dice.pick((1.0, 0.37, 2.9, 0.01, 60.0) if net.dice.rarely() else (1.0, 0.61, 1.7))


def activation(net: Net) -> str:
    return net.dice.pick(_ACTIVATIONS)


def weighted(net: Net, x: Value, shape: tuple[int, ...], axis: int, terms: int) -> tuple[list[int], float]:
    """Constant weights and (mostly) a bias for products with `x`, and an output scale that fits.

    `axis` is that of the output channels in `shape`, `terms` the number of products in a sum.
    """
    channels = shape[axis]
    count = channels if net.dice.integer(0, 2) else 1
    scales = (net.scale() * net.rng.uniform(0.3, 1.0, count)).astype(np.float32)
    weights = net.rng.integers(-127, 128, shape).astype(np.int8)
    inputs = [net.model.constant(weights, scales.tolist(), axis=axis if count > 1 else 0)]
    if not net.dice.rarely():
        reach = net.dice.pick((1000, 30000, 2**24))
        bias = net.rng.integers(-reach, reach + 1, channels).astype(np.int32)
        inputs.append(net.model.constant(bias, (scales * np.float32(x.scale)).tolist()))
    typical_sum = 73.0 * 73.0 * math.sqrt(terms)
    return inputs, spread(net, x.scale * float(scales.max()) * typical_sum / 50.0)


def window(net: Net, x: Value, *, largest: int = 4) -> tuple[int, int, int, int, str]:
    """Kernel height and width, strides, and a padding under which a window fits."""
    height, width = net.dice.integer(1, largest), net.dice.integer(1, largest)
    stride_h, stride_w = net.dice.integer(1, 3), net.dice.integer(1, 3)
    fits = height <= x.shape[1] and width <= x.shape[2]
    return height, width, stride_h, stride_w, net.dice.pick(("SAME", "VALID")) if fits else "SAME"


def windows(size: int, kernel: int, stride: int, padding: str, dilation: int = 1) -> int:
    if padding == "SAME":
        return -(-size // stride)
    return -(-(size - (kernel - 1) * dilation) // stride)

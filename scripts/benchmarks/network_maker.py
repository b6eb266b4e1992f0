"""Makes int8 convolutional networks with random weights, whose activations keep a sensible range.

There are no trained weights of large networks in packages. Speed does not depend on them, but for two things:
an activation that saturates everywhere would prove nothing about exactness, and a requantization that never
rounds might be easier than a real one. So every convolution is normalized over calibration images, as batch
normalization does in training, and folded into weights and biases; scales come from the ranges seen.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.testing.tflite_builder import ModelBuilder, TensorSpec, spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

_IMAGES = 2
_LOGIT_SPREAD = 4.0  # standard deviation
_DIGITS = 4  # of statistics: what is beyond depends on the order in which a machine's BLAS adds


@dataclasses.dataclass(frozen=True, kw_only=True)
class Value:
    """A tensor of the network: where it is, what it holds for the calibration images, its quantization."""

    tensor: int
    floats: Array  # image, row, column, channel; or image, feature
    scale: float
    zero_point: int

    @property
    def channels(self) -> int:
        """The size of the last axis."""
        return int(self.floats.shape[-1])


class NetworkMaker:
    """One network in the making."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._model = ModelBuilder("random weights")

    def image(self, side: int) -> Value:
        """The input: a square image of three channels, from -1 to 1."""
        floats = self._random.uniform(-1, 1, (_IMAGES, side, side, 3)).astype(np.float32)
        scale, zero_point = _quantization(floats)
        tensor = self._model.input((1, side, side, 3), scale=scale, zero_point=zero_point)
        return Value(tensor=tensor, floats=floats, scale=scale, zero_point=zero_point)

    def convolution(
        self, x: Value, channels: int, kernel: int, stride: int = 1, activation: str = "RELU6"
    ) -> Value:
        """CONV_2D with SAME padding and a folded batch normalization."""
        shape = (channels, kernel, kernel, x.channels)
        weights = self._weights(shape, kernel * kernel * x.channels)
        raw = _convolved(x.floats, weights, stride)
        factor, bias = self._normalization(raw)
        return self._weighted(
            "CONV_2D",
            x,
            weights * factor.reshape(-1, 1, 1, 1),
            bias,
            _activated(raw * factor + bias, activation),
            axis=0,
            padding="SAME",
            stride_w=stride,
            stride_h=stride,
            dilation_w_factor=1,
            dilation_h_factor=1,
            fused_activation_function=activation,
        )

    def depthwise(self, x: Value, stride: int = 1, activation: str = "RELU6") -> Value:
        """DEPTHWISE_CONV_2D of 3x3 with SAME padding and a folded batch normalization."""
        weights = self._weights((1, 3, 3, x.channels), 9)
        raw = _depthwise(x.floats, weights[0], stride)
        factor, bias = self._normalization(raw)
        return self._weighted(
            "DEPTHWISE_CONV_2D",
            x,
            weights * factor,
            bias,
            _activated(raw * factor + bias, activation),
            axis=3,
            padding="SAME",
            stride_w=stride,
            stride_h=stride,
            depth_multiplier=1,
            dilation_w_factor=1,
            dilation_h_factor=1,
            fused_activation_function=activation,
        )

    def add(self, x: Value, y: Value, activation: str = "NONE") -> Value:
        """ADD of two tensors of one shape."""
        floats = _activated(x.floats + y.floats, activation)
        return self._plain("ADD", [x, y], floats, fused_activation_function=activation)

    def max_pool(self, x: Value, kernel: int, stride: int) -> Value:
        """MAX_POOL_2D with SAME padding."""
        windows = _windows(x.floats, kernel, stride, fill=-np.inf)
        floats = windows.max(axis=(3, 4))
        return self._plain(
            "MAX_POOL_2D",
            [x],
            floats,
            like=x,
            padding="SAME",
            stride_w=stride,
            stride_h=stride,
            filter_width=kernel,
            filter_height=kernel,
            fused_activation_function="NONE",
        )

    def mean(self, x: Value) -> Value:
        """MEAN over rows and columns."""
        axes = self._model.constant(np.array([1, 2], np.int32))
        return self._plain("MEAN", [x], x.floats.mean(axis=(1, 2)), more=[axes], keep_dims=False)

    def dense(self, x: Value, features: int) -> Value:
        """FULLY_CONNECTED, with one scale for all weights."""
        weights = self._weights((features, x.channels), x.channels)
        # A SOFTMAX of logits this far apart shows which class is meant, as that of a trained network does.
        weights *= np.float32(_rounded(_LOGIT_SPREAD / (x.floats @ weights.T).std(dtype=np.float64)))
        floats = x.floats @ weights.T
        return self._weighted(
            "FULLY_CONNECTED",
            x,
            weights,
            np.zeros(features, np.float32),
            floats,
            axis=None,
            fused_activation_function="NONE",
        )

    def softmax(self, x: Value) -> Value:
        """SOFTMAX, whose output has the scale that TFLite demands."""
        described = spec((1, x.channels), scale=1 / 256, zero_point=-128)
        tensor = self._model.op("SOFTMAX", [x.tensor], described, beta=1.0)
        return dataclasses.replace(x, tensor=tensor, scale=1 / 256, zero_point=-128)

    def build(self) -> bytes:
        """The network as a flatbuffer."""
        return self._model.build()

    def _weights(self, shape: tuple[int, ...], terms: int) -> Array:
        return self._random.normal(0, terms**-0.5, shape).astype(np.float32)

    def _normalization(self, raw: Array) -> tuple[Array, Array]:
        """What batch normalization with random parameters multiplies by and adds, channel by channel."""
        gamma = self._random.uniform(0.5, 1.5, raw.shape[-1])
        beta = self._random.normal(0.3, 0.5, raw.shape[-1])
        axes = tuple(range(raw.ndim - 1))
        factor = _rounded(gamma / (raw.std(axis=axes, dtype=np.float64) + 1e-3))
        offset = _rounded(beta - raw.mean(axis=axes, dtype=np.float64) * factor)
        return factor.astype(np.float32), offset.astype(np.float32)

    def _weighted(
        self,
        kind: str,
        x: Value,
        weights: Array,
        bias: Array,
        floats: Array,
        *,
        axis: int | None,
        **options: Any,
    ) -> Value:
        others = tuple(i for i in range(weights.ndim) if i != axis) if axis is not None else None
        scales = _rounded(np.abs(weights).max(axis=others, keepdims=True) / 127)
        quantized = np.clip(np.rint(weights / scales), -127, 127).astype(np.int8)
        flat = scales.reshape(-1)
        added = np.rint(bias / (x.scale * flat)).astype(np.int32)
        constants = [
            self._model.constant(quantized, flat.tolist(), axis=axis or 0),
            self._model.constant(added, (x.scale * flat).tolist()),
        ]
        return self._plain(kind, [x], floats, more=constants, **options)

    def _plain(
        self,
        kind: str,
        inputs: list[Value],
        floats: Array,
        *,
        more: list[int] | None = None,
        like: Value | None = None,
        **options: Any,
    ) -> Value:
        scale, zero_point = (like.scale, like.zero_point) if like else _quantization(floats)
        described: TensorSpec = spec((1, *floats.shape[1:]), scale=scale, zero_point=zero_point)
        tensor = self._model.op(kind, [*(x.tensor for x in inputs), *(more or [])], described, **options)
        return Value(tensor=tensor, floats=floats, scale=scale, zero_point=zero_point)


def _rounded(values: Any) -> NDArray[np.float64]:
    """To a few significant digits."""
    array = np.asarray(values, np.float64)
    unit = 10.0 ** (np.floor(np.log10(np.maximum(np.abs(array), 1e-30))) - _DIGITS + 1)
    return np.rint(array / unit) * unit


def _quantization(floats: Array) -> tuple[float, int]:
    """Scale and zero point of int8 for the range of some values and zero, as converters choose them."""
    low, high = min(float(floats.min()), 0.0), max(float(floats.max()), 0.0)
    scale = float(_rounded((high - low) / 255))
    return scale, int(np.clip(np.rint(-128 - low / scale), -128, 127))


def _activated(floats: Array, activation: str) -> Array:
    limits = {"NONE": (-np.inf, np.inf), "RELU": (0.0, np.inf), "RELU6": (0.0, 6.0)}
    return np.clip(floats, *limits[activation]).astype(np.float32)


def _windows(x: Array, kernel: int, stride: int, fill: float = 0.0) -> Array:
    """A view of every window under SAME padding: image, row, column, kernel row, kernel column, channel."""
    pads = []
    for size in x.shape[1:3]:
        missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads.append((missing // 2, missing - missing // 2))
    padded = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    return view[:, ::stride, ::stride].transpose(0, 1, 2, 4, 5, 3)


def _convolved(x: Array, weights: Array, stride: int) -> Array:
    channels, kernel = weights.shape[0], weights.shape[1]
    windows = _windows(x, kernel, stride)
    rows = windows.reshape(-1, windows.shape[3] * windows.shape[4] * windows.shape[5])
    return (rows @ weights.reshape(channels, -1).T).reshape(*windows.shape[:3], channels)


def _depthwise(x: Array, weights: Array, stride: int) -> Array:
    windows = _windows(x, weights.shape[0], stride)
    taps = [(i, j) for i in range(weights.shape[0]) for j in range(weights.shape[1])]
    total: Array = np.sum([windows[:, :, :, i, j] * weights[i, j] for i, j in taps], axis=0)
    return total

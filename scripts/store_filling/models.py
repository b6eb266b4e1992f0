"""Models to take kernels from: one of unconnected convolutions, and trained ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.testing.tflite_builder import ModelBuilder, spec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from store_filling.shapes import Layer

_SCALE = 0.02
_WEIGHT_DEVIATION = 32  # a quarter of the largest weight


def layers_model(layers: Iterable[Layer]) -> bytes:
    """A model with one convolution per layer, an input and an output each.

    Weights and biases are random. Most weights are small and all factors shift right, as in trained networks.
    """
    random = np.random.default_rng(0)
    model = ModelBuilder("shapes for a tuning store")
    for layer in layers:
        depthwise, channels = layer.filters == 0, layer.filters or layer.channels
        x = model.input((1, layer.height, layer.width, layer.channels), scale=_SCALE, zero_point=-128)
        shape = (1, *layer.kernel, channels) if depthwise else (channels, *layer.kernel, layer.channels)
        values = np.clip(np.rint(random.normal(0, _WEIGHT_DEVIATION, shape)), -127, 127).astype(np.int8)
        scales = (0.003 + 0.001 * (np.arange(channels) % 7)).tolist()
        weights = model.constant(values, scale=scales, axis=3 if depthwise else 0)
        bias = random.integers(-3000, 3000, channels).astype(np.int32)
        out = spec(
            (1, *layer.out_size, channels),
            scale=_SCALE,
            zero_point=-128 if layer.clamps else -5,
        )
        options: dict[str, Any] = {"depth_multiplier": 1} if depthwise else {}
        model.op(
            "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D",
            [x, weights, model.constant(bias, scale=[_SCALE * scale for scale in scales])],
            [out],
            padding="SAME",
            stride_h=layer.stride,
            stride_w=layer.stride,
            **options,
        )
    return model.build()

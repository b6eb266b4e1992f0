"""A small model with kernels that could be computed in several ways: for tests of tuning."""

from __future__ import annotations

import numpy as np

from edgekit.testing.tflite_builder import ModelBuilder, spec


def tunable_model(*, channels: int = 16, filters: int = 8) -> bytes:
    """A 1x1 convolution and a depthwise 3x3 one of a plane of 6x5 pixels."""
    random = np.random.default_rng(0)
    model = ModelBuilder()
    x = model.input((1, 6, 5, channels), scale=0.02, zero_point=5)
    weights = model.constant(
        random.integers(-127, 128, (filters, 1, 1, channels)).astype(np.int8), scale=0.01
    )
    hidden = model.op(
        "CONV_2D",
        [x, weights],
        [spec((1, 6, 5, filters), scale=0.05)],
        padding="SAME",
        stride_w=1,
        stride_h=1,
    )
    taps = model.constant(random.integers(-127, 128, (1, 3, 3, filters)).astype(np.int8), scale=0.01)
    model.op(
        "DEPTHWISE_CONV_2D",
        [hidden, taps],
        [spec((1, 6, 5, filters), scale=0.1)],
        padding="SAME",
        stride_w=1,
        stride_h=1,
        depth_multiplier=1,
    )
    return model.build()

"""Operators of random nets that compute.

Each function takes the net in the making and the value to start from, adds one operator with random options
that TFLite Micro accepts, and gives the new values.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.testing.random_values import (
    Net,
    Value,
    activation,
    fixed,
    is_image,
    is_matrix,
    rescaled,
    same,
    spread,
    weighted,
    window,
    windows,
)
from edgekit.testing.tflite_builder import spec

if TYPE_CHECKING:
    from collections.abc import Callable


# ---------------------------------------------------------------------------- sums of products


def add_conv_2d(net: Net, x: Value) -> list[Value]:
    batch, height, width, depth = x.shape
    kernel_h, kernel_w, stride_h, stride_w, padding = window(net, x)
    dilation = 1
    if padding == "SAME" and net.dice.rarely():
        stride_h = stride_w = 1
        dilation = 2
    groups = depth if depth > 1 and net.dice.rarely() else 1
    channels = groups * net.dice.integer(1, 8 if groups == 1 else 2)
    shape = (channels, kernel_h, kernel_w, depth // groups)
    parameters, scale = weighted(net, x, shape, 0, kernel_h * kernel_w * depth // groups)
    return rescaled(
        net,
        "CONV_2D",
        [x.tensor, *parameters],
        (
            batch,
            windows(height, kernel_h, stride_h, padding, dilation),
            windows(width, kernel_w, stride_w, padding, dilation),
            channels,
        ),
        scale,
        padding=padding,
        stride_h=stride_h,
        stride_w=stride_w,
        dilation_h_factor=dilation,
        dilation_w_factor=dilation,
        fused_activation_function=activation(net),
    )


def add_pointwise(net: Net, x: Value) -> list[Value]:
    channels = net.dice.integer(1, 16)
    parameters, scale = weighted(net, x, (channels, 1, 1, x.shape[3]), 0, x.shape[3])
    options = {
        "padding": "VALID",
        "stride_h": 1,
        "stride_w": 1,
        "fused_activation_function": activation(net),
    }
    return rescaled(net, "CONV_2D", [x.tensor, *parameters], (*x.shape[:3], channels), scale, **options)


def add_depthwise_conv_2d(net: Net, x: Value) -> list[Value]:
    batch, height, width, depth = x.shape
    kernel_h, kernel_w, stride_h, stride_w, padding = window(net, x)
    multiplier = net.dice.pick((1, 1, 2, 3))
    parameters, scale = weighted(net, x, (1, kernel_h, kernel_w, depth * multiplier), 3, kernel_h * kernel_w)
    rows, columns = (
        windows(height, kernel_h, stride_h, padding),
        windows(width, kernel_w, stride_w, padding),
    )
    return rescaled(
        net,
        "DEPTHWISE_CONV_2D",
        [x.tensor, *parameters],
        (batch, rows, columns, depth * multiplier),
        scale,
        padding=padding,
        stride_h=stride_h,
        stride_w=stride_w,
        depth_multiplier=multiplier,
        fused_activation_function=activation(net),
    )


def add_transpose_conv(net: Net, x: Value) -> list[Value]:
    batch, height, width, depth = x.shape
    kernel_h, kernel_w, stride_h, stride_w, padding = window(net, x, largest=3)
    if padding == "SAME":
        rows, columns = height * stride_h, width * stride_w
    else:
        rows, columns = (height - 1) * stride_h + kernel_h, (width - 1) * stride_w + kernel_w
        rows, columns = max(rows, 1), max(columns, 1)
    channels = net.dice.integer(1, 6)
    (weights, *bias), scale = weighted(net, x, (channels, kernel_h, kernel_w, depth), 0, kernel_h * depth)
    shape = (batch, rows, columns, channels)
    wanted = net.model.constant(np.asarray(shape, np.int32))
    inputs = [wanted, weights, x.tensor, *bias]
    options = {"padding": padding, "stride_h": stride_h, "stride_w": stride_w}
    return rescaled(net, "TRANSPOSE_CONV", inputs, shape, scale, **options)


def add_fully_connected(net: Net, x: Value) -> list[Value]:
    rows, terms = x.shape[0], x.elements // x.shape[0]
    flat = (
        x
        if is_matrix(x)
        else same(net, "RESHAPE", x, (rows, terms), (rows, terms), new_shape=(rows, terms))[0]
    )
    units = net.dice.integer(1, 24)
    parameters, scale = weighted(net, flat, (units, terms), 0, terms)
    return rescaled(
        net,
        "FULLY_CONNECTED",
        [flat.tensor, *parameters],
        (rows, units),
        scale,
        fused_activation_function=activation(net),
    )


def add_batch_matmul(net: Net, x: Value) -> list[Value]:
    terms, columns = x.shape[-1], net.dice.integer(1, 8)
    adj_y = bool(net.dice.integer(0, 1))
    shape = (*x.shape[:-2], *((columns, terms) if adj_y else (terms, columns)))
    scale = net.scale()
    right = net.model.constant(net.rng.integers(-128, 128, shape).astype(np.int8), scale, net.zero_point())
    product = spread(net, x.scale * scale * 5000.0 * math.sqrt(terms) / 50.0)
    result = (*x.shape[:-1], columns)
    return rescaled(net, "BATCH_MATMUL", [x.tensor, right], result, product, adj_x=False, adj_y=adj_y)


# ---------------------------------------------------------------------------------- elementwise


def add_binary(kind: str) -> Callable[[Net, Value], list[Value]]:
    def add(net: Net, x: Value) -> list[Value]:
        y = other_operand(net, x)
        exact = x.scale * y.scale * 100.0 if kind == "MUL" else max(x.scale, y.scale) * 2.0
        # Left operand or right: broadcasting must work from both sides.
        pair = [x.tensor, y.tensor] if net.dice.integer(0, 1) else [y.tensor, x.tensor]
        return rescaled(
            net, kind, pair, x.shape, spread(net, exact), fused_activation_function=activation(net)
        )

    return add


def other_operand(net: Net, x: Value) -> Value:
    """A value of the same shape, or a constant that broadcasts to it."""
    if net.dice.integer(0, 2):
        return net.partner(x)
    shape = net.dice.pick((x.shape, x.shape[-1:], (1,) * len(x.shape), (*x.shape[:-1], 1)))
    scale, zero_point = float(np.float32(net.scale())), net.zero_point()
    values = net.rng.integers(-128, 128, shape).astype(np.int8)
    return Value(net.model.constant(values, scale, zero_point), shape, scale, zero_point)


def add_extremum(kind: str) -> Callable[[Net, Value], list[Value]]:
    def add(net: Net, x: Value) -> list[Value]:
        y = net.partner(x, same_scale=True)
        tensor = net.op(kind, [x.tensor, y.tensor], spec(x.shape, "int8", x.scale, x.zero_point))
        return [Value(tensor, x.shape, x.scale, x.zero_point)]

    return add


def add_unary(kind: str, **options: Any) -> Callable[[Net, Value], list[Value]]:
    def add(net: Net, x: Value) -> list[Value]:
        return rescaled(net, kind, [x.tensor], x.shape, spread(net, x.scale), **options)

    return add


def add_leaky_relu(net: Net, x: Value) -> list[Value]:
    alpha = net.dice.pick((0.1, 0.0, 0.3, 1.5))
    return rescaled(net, "LEAKY_RELU", [x.tensor], x.shape, spread(net, x.scale), alpha=alpha)


def add_prelu(net: Net, x: Value) -> list[Value]:
    values = net.rng.integers(-128, 128, (1,) * (len(x.shape) - 2) + x.shape[-1:]).astype(np.int8)
    alpha = net.model.constant(values, 0.01, net.zero_point())
    return rescaled(net, "PRELU", [x.tensor, alpha], x.shape, spread(net, x.scale))


def add_logistic(net: Net, x: Value) -> list[Value]:
    return fixed(net, "LOGISTIC", x, 1 / 256, -128)


def add_tanh(net: Net, x: Value) -> list[Value]:
    return fixed(net, "TANH", x, 1 / 128, 0)


def add_softmax(net: Net, x: Value) -> list[Value]:
    return fixed(net, "SOFTMAX", x, 1 / 256, -128, beta=net.dice.pick((1.0, 1.0, 0.5)))


def add_l2_normalization(net: Net, x: Value) -> list[Value]:
    return fixed(net, "L2_NORMALIZATION", x, 1 / 128, 0)


# ------------------------------------------------------------------------------ pools, reductions


def add_pool(kind: str) -> Callable[[Net, Value], list[Value]]:
    def add(net: Net, x: Value) -> list[Value]:
        batch, height, width, depth = x.shape
        kernel_h, kernel_w, stride_h, stride_w, padding = window(net, x)
        rows = windows(height, kernel_h, stride_h, padding)
        columns = windows(width, kernel_w, stride_w, padding)
        return same(
            net,
            kind,
            x,
            (batch, rows, columns, depth),
            padding=padding,
            stride_h=stride_h,
            stride_w=stride_w,
            filter_height=kernel_h,
            filter_width=kernel_w,
            fused_activation_function=activation(net),
        )

    return add


def add_reduce(kind: str) -> Callable[[Net, Value], list[Value]]:
    def add(net: Net, x: Value) -> list[Value]:
        axes = net.dice.pick(((1, 2), (1,), (2,), (3,), (1, 2, 3))) if is_image(x) else (1,)
        shape = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
        if kind in ("REDUCE_MAX", "REDUCE_MIN"):
            return same(net, kind, x, shape, axes, keep_dims=True)
        count = math.prod(x.shape[axis] for axis in axes)
        exact = x.scale / math.sqrt(count) if kind == "MEAN" else x.scale * math.sqrt(count)
        indices = net.model.constant(np.asarray(axes, np.int32))
        return rescaled(net, kind, [x.tensor, indices], shape, spread(net, exact), keep_dims=True)

    return add


def add_svdf(net: Net, x: Value) -> list[Value]:
    rows, terms = x.shape
    rank, units, memory = net.dice.integer(1, 2), net.dice.integer(1, 8), net.dice.integer(1, 6)
    filters = rank * units
    state_scale, time_scale = x.scale * 0.02, float(np.float32(0.001))
    feature = net.model.constant(net.rng.integers(-127, 128, (filters, terms)).astype(np.int8), 0.01)
    time = net.model.constant(net.rng.integers(-3000, 3000, (filters, memory)).astype(np.int16), time_scale)
    bias = net.model.constant(
        net.rng.integers(-99999, 99999, units).astype(np.int32), state_scale * time_scale
    )
    state = net.model.state((rows, memory * filters), "int16", state_scale, 0)
    scale = spread(net, state_scale * time_scale * 2e6 * math.sqrt(memory * rank) / 50)
    inputs = [x.tensor, feature, time, bias, state]
    # The reference interpreter ignores a fused activation; a net that has one means something else.
    return rescaled(net, "SVDF", inputs, (rows, units), scale, rank=rank, fused_activation_function="NONE")

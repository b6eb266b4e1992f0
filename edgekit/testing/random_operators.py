"""The operators that random nets grow by, and groups of them that come together in real nets."""

from __future__ import annotations

from edgekit.testing import random_arithmetic as arithmetic
from edgekit.testing import random_movement as movement
from edgekit.testing.random_values import (
    Net,
    Operator,
    Value,
    activation,
    always,
    is_image,
    is_matrix,
    rescaled,
    same,
    spread,
    weighted,
)


def add_padded_conv(net: Net, x: Value) -> list[Value]:
    """Explicit padding and the convolution that it is for, which a compiler may make one."""
    pads = [(0, 0), *((net.dice.integer(0, 2), net.dice.integer(0, 2)) for _ in range(2)), (0, 0)]
    shape = [n + a + b for n, (a, b) in zip(x.shape, pads, strict=True)]
    padded = same(net, "PAD", x, shape, pads)[0]
    return net.dice.pick((arithmetic.add_conv_2d, arithmetic.add_depthwise_conv_2d))(net, padded)


def add_residual(net: Net, x: Value) -> list[Value]:
    """A block that is added to what it started from, and may be computed in place."""
    depth = x.shape[3]
    parameters, scale = weighted(net, x, (depth, 1, 1, depth), 0, depth)
    options = {"padding": "VALID", "stride_h": 1, "stride_w": 1}
    block = rescaled(net, "CONV_2D", [x.tensor, *parameters], x.shape, scale, **options)[0]
    total = spread(net, max(x.scale, block.scale) * 2.0)
    fused = activation(net)
    pair = [x.tensor, block.tensor]
    return rescaled(net, "ADD", pair, x.shape, total, fused_activation_function=fused)


OPERATORS: tuple[Operator, ...] = (
    Operator(is_image, arithmetic.add_conv_2d),
    Operator(is_image, arithmetic.add_pointwise),
    Operator(is_image, arithmetic.add_depthwise_conv_2d),
    Operator(always, arithmetic.add_fully_connected),
    Operator(always, arithmetic.add_binary("ADD")),
    Operator(always, arithmetic.add_binary("SUB")),
    Operator(always, arithmetic.add_binary("MUL")),
    Operator(is_image, arithmetic.add_pool("AVERAGE_POOL_2D")),
    Operator(is_image, arithmetic.add_pool("MAX_POOL_2D")),
    Operator(always, arithmetic.add_reduce("MEAN")),
    Operator(always, arithmetic.add_reduce("SUM")),
    Operator(always, arithmetic.add_reduce("REDUCE_MAX")),
    Operator(always, arithmetic.add_reduce("REDUCE_MIN")),
    Operator(always, arithmetic.add_softmax),
    Operator(always, arithmetic.add_logistic),
    Operator(always, arithmetic.add_tanh),
    Operator(always, arithmetic.add_unary("HARD_SWISH")),
    Operator(always, arithmetic.add_unary("RELU")),
    Operator(always, arithmetic.add_unary("RELU6")),
    Operator(always, arithmetic.add_leaky_relu),
    Operator(always, arithmetic.add_prelu),
    Operator(always, arithmetic.add_unary("QUANTIZE")),
    Operator(always, movement.add_reshape),
    Operator(always, movement.add_expand_and_squeeze),
    Operator(always, movement.add_concatenation),
    Operator(always, movement.add_split),
    Operator(lambda x: any(size > 1 for size in x.shape[1:]), movement.add_split_v),
    Operator(is_matrix, movement.add_pack),
    Operator(always, movement.add_slice),
    Operator(always, movement.add_strided_slice),
    Operator(always, movement.add_gather),
    Operator(is_image, movement.add_transpose),
    Operator(always, movement.add_pad),
    Operator(always, movement.add_padv2),
    Operator(always, movement.add_mirror_pad),
    Operator(is_image, movement.add_resize("RESIZE_NEAREST_NEIGHBOR")),
    Operator(is_image, movement.add_resize("RESIZE_BILINEAR")),
    Operator(always, arithmetic.add_extremum("MAXIMUM")),
    Operator(always, arithmetic.add_extremum("MINIMUM")),
    Operator(is_matrix, arithmetic.add_l2_normalization),
    Operator(lambda x: len(x.shape) == 4 and x.shape[0] == 1, arithmetic.add_batch_matmul),
    Operator(is_image, arithmetic.add_transpose_conv),
    Operator(is_image, add_padded_conv),
    Operator(is_image, add_residual),
    Operator(always, movement.add_delay),
    Operator(is_matrix, arithmetic.add_svdf),
)

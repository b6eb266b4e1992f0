"""One function per operator: how a random net grows by it.

Each takes the net in the making and the value to start from, adds one operator (or a few that belong
together) with random options that TFLite Micro accepts, and gives the new values.
"""

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


# --------------------------------------------------------------------------------------------- tools


def _always(_: Value) -> bool:
    return True


def _is_image(x: Value) -> bool:
    return len(x.shape) == 4


def _is_matrix(x: Value) -> bool:
    return len(x.shape) == 2


def _same(
    net: Net, kind: str, x: Value, shape: Sequence[int], *parameters: Any, **options: Any
) -> list[Value]:
    """Add an operator that keeps scale and zero point; `parameters` are int32 constants after the input."""
    inputs = [x.tensor, *(net.model.constant(np.asarray(p, np.int32)) for p in parameters)]
    shape = tuple(shape)
    tensor = net.op(kind, inputs, spec(shape, "int8", x.scale, x.zero_point), **options)
    return [Value(tensor, shape, x.scale, x.zero_point)]


def _rescaled(
    net: Net, kind: str, inputs: Sequence[int | None], shape: Sequence[int], scale: float, **options: Any
) -> list[Value]:
    """Add an operator whose output has the given scale and a random zero point."""
    scale, zero_point, shape = float(np.float32(np.clip(scale, *_SCALES))), net.zero_point(), tuple(shape)
    tensor = net.op(kind, inputs, spec(shape, "int8", scale, zero_point), **options)
    return [Value(tensor, shape, scale, zero_point)]


def _fixed(net: Net, kind: str, x: Value, scale: float, zero_point: int, **options: Any) -> list[Value]:
    """Add an operator whose output's quantization is fixed by its definition."""
    tensor = net.op(kind, [x.tensor], spec(x.shape, "int8", scale, zero_point), **options)
    return [Value(tensor, x.shape, scale, zero_point)]


def _spread(net: Net, exact: float) -> float:
    """An output scale near `exact`, so that outputs neither vanish nor saturate; sometimes far from it."""
    return exact * net.dice.pick((1.0, 0.37, 2.9, 0.01, 60.0) if net.dice.rarely() else (1.0, 0.61, 1.7))


def _activation(net: Net) -> str:
    return net.dice.pick(_ACTIVATIONS)


def _weighted(net: Net, x: Value, shape: tuple[int, ...], axis: int, terms: int) -> tuple[list[int], float]:
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
    return inputs, _spread(net, x.scale * float(scales.max()) * typical_sum / 50.0)


def _window(net: Net, x: Value, *, largest: int = 4) -> tuple[int, int, int, int, str]:
    """Kernel height and width, strides, and a padding under which a window fits."""
    height, width = net.dice.integer(1, largest), net.dice.integer(1, largest)
    stride_h, stride_w = net.dice.integer(1, 3), net.dice.integer(1, 3)
    fits = height <= x.shape[1] and width <= x.shape[2]
    return height, width, stride_h, stride_w, net.dice.pick(("SAME", "VALID")) if fits else "SAME"


def _windows(size: int, kernel: int, stride: int, padding: str, dilation: int = 1) -> int:
    if padding == "SAME":
        return -(-size // stride)
    return -(-(size - (kernel - 1) * dilation) // stride)


# ---------------------------------------------------------------------------- sums of products


def _conv_2d(net: Net, x: Value) -> list[Value]:
    batch, height, width, depth = x.shape
    kernel_h, kernel_w, stride_h, stride_w, padding = _window(net, x)
    dilation = 1
    if padding == "SAME" and net.dice.rarely():
        stride_h = stride_w = 1
        dilation = 2
    groups = depth if depth > 1 and net.dice.rarely() else 1
    channels = groups * net.dice.integer(1, 8 if groups == 1 else 2)
    shape = (channels, kernel_h, kernel_w, depth // groups)
    parameters, scale = _weighted(net, x, shape, 0, kernel_h * kernel_w * depth // groups)
    return _rescaled(
        net,
        "CONV_2D",
        [x.tensor, *parameters],
        (
            batch,
            _windows(height, kernel_h, stride_h, padding, dilation),
            _windows(width, kernel_w, stride_w, padding, dilation),
            channels,
        ),
        scale,
        padding=padding,
        stride_h=stride_h,
        stride_w=stride_w,
        dilation_h_factor=dilation,
        dilation_w_factor=dilation,
        fused_activation_function=_activation(net),
    )


def _pointwise(net: Net, x: Value) -> list[Value]:
    channels = net.dice.integer(1, 16)
    parameters, scale = _weighted(net, x, (channels, 1, 1, x.shape[3]), 0, x.shape[3])
    options = {
        "padding": "VALID",
        "stride_h": 1,
        "stride_w": 1,
        "fused_activation_function": _activation(net),
    }
    return _rescaled(net, "CONV_2D", [x.tensor, *parameters], (*x.shape[:3], channels), scale, **options)


def _depthwise_conv_2d(net: Net, x: Value) -> list[Value]:
    batch, height, width, depth = x.shape
    kernel_h, kernel_w, stride_h, stride_w, padding = _window(net, x)
    multiplier = net.dice.pick((1, 1, 2, 3))
    parameters, scale = _weighted(net, x, (1, kernel_h, kernel_w, depth * multiplier), 3, kernel_h * kernel_w)
    rows, columns = (
        _windows(height, kernel_h, stride_h, padding),
        _windows(width, kernel_w, stride_w, padding),
    )
    return _rescaled(
        net,
        "DEPTHWISE_CONV_2D",
        [x.tensor, *parameters],
        (batch, rows, columns, depth * multiplier),
        scale,
        padding=padding,
        stride_h=stride_h,
        stride_w=stride_w,
        depth_multiplier=multiplier,
        fused_activation_function=_activation(net),
    )


def _transpose_conv(net: Net, x: Value) -> list[Value]:
    batch, height, width, depth = x.shape
    kernel_h, kernel_w, stride_h, stride_w, padding = _window(net, x, largest=3)
    if padding == "SAME":
        rows, columns = height * stride_h, width * stride_w
    else:
        rows, columns = (height - 1) * stride_h + kernel_h, (width - 1) * stride_w + kernel_w
        rows, columns = max(rows, 1), max(columns, 1)
    channels = net.dice.integer(1, 6)
    (weights, *bias), scale = _weighted(net, x, (channels, kernel_h, kernel_w, depth), 0, kernel_h * depth)
    shape = (batch, rows, columns, channels)
    wanted = net.model.constant(np.asarray(shape, np.int32))
    inputs = [wanted, weights, x.tensor, *bias]
    options = {"padding": padding, "stride_h": stride_h, "stride_w": stride_w}
    return _rescaled(net, "TRANSPOSE_CONV", inputs, shape, scale, **options)


def _fully_connected(net: Net, x: Value) -> list[Value]:
    rows, terms = x.shape[0], x.elements // x.shape[0]
    flat = (
        x
        if _is_matrix(x)
        else _same(net, "RESHAPE", x, (rows, terms), (rows, terms), new_shape=(rows, terms))[0]
    )
    units = net.dice.integer(1, 24)
    parameters, scale = _weighted(net, flat, (units, terms), 0, terms)
    return _rescaled(
        net,
        "FULLY_CONNECTED",
        [flat.tensor, *parameters],
        (rows, units),
        scale,
        fused_activation_function=_activation(net),
    )


def _batch_matmul(net: Net, x: Value) -> list[Value]:
    terms, columns = x.shape[-1], net.dice.integer(1, 8)
    adj_y = bool(net.dice.integer(0, 1))
    shape = (*x.shape[:-2], *((columns, terms) if adj_y else (terms, columns)))
    scale = net.scale()
    right = net.model.constant(net.rng.integers(-128, 128, shape).astype(np.int8), scale, net.zero_point())
    product = _spread(net, x.scale * scale * 5000.0 * math.sqrt(terms) / 50.0)
    result = (*x.shape[:-1], columns)
    return _rescaled(net, "BATCH_MATMUL", [x.tensor, right], result, product, adj_x=False, adj_y=adj_y)


# ---------------------------------------------------------------------------------- elementwise


def _binary(kind: str) -> Callable[[Net, Value], list[Value]]:
    def add(net: Net, x: Value) -> list[Value]:
        y = _other_operand(net, x)
        exact = x.scale * y.scale * 100.0 if kind == "MUL" else max(x.scale, y.scale) * 2.0
        # Left operand or right: broadcasting must work from both sides.
        pair = [x.tensor, y.tensor] if net.dice.integer(0, 1) else [y.tensor, x.tensor]
        return _rescaled(
            net, kind, pair, x.shape, _spread(net, exact), fused_activation_function=_activation(net)
        )

    return add


def _other_operand(net: Net, x: Value) -> Value:
    """A value of the same shape, or a constant that broadcasts to it."""
    if net.dice.integer(0, 2):
        return net.partner(x)
    shape = net.dice.pick((x.shape, x.shape[-1:], (1,) * len(x.shape), (*x.shape[:-1], 1)))
    scale, zero_point = float(np.float32(net.scale())), net.zero_point()
    values = net.rng.integers(-128, 128, shape).astype(np.int8)
    return Value(net.model.constant(values, scale, zero_point), shape, scale, zero_point)


def _extremum(kind: str) -> Callable[[Net, Value], list[Value]]:
    def add(net: Net, x: Value) -> list[Value]:
        y = net.partner(x, same_scale=True)
        tensor = net.op(kind, [x.tensor, y.tensor], spec(x.shape, "int8", x.scale, x.zero_point))
        return [Value(tensor, x.shape, x.scale, x.zero_point)]

    return add


def _unary(kind: str, **options: Any) -> Callable[[Net, Value], list[Value]]:
    def add(net: Net, x: Value) -> list[Value]:
        return _rescaled(net, kind, [x.tensor], x.shape, _spread(net, x.scale), **options)

    return add


def _leaky_relu(net: Net, x: Value) -> list[Value]:
    alpha = net.dice.pick((0.1, 0.0, 0.3, 1.5))
    return _rescaled(net, "LEAKY_RELU", [x.tensor], x.shape, _spread(net, x.scale), alpha=alpha)


def _prelu(net: Net, x: Value) -> list[Value]:
    values = net.rng.integers(-128, 128, (1,) * (len(x.shape) - 2) + x.shape[-1:]).astype(np.int8)
    alpha = net.model.constant(values, 0.01, net.zero_point())
    return _rescaled(net, "PRELU", [x.tensor, alpha], x.shape, _spread(net, x.scale))


def _logistic(net: Net, x: Value) -> list[Value]:
    return _fixed(net, "LOGISTIC", x, 1 / 256, -128)


def _tanh(net: Net, x: Value) -> list[Value]:
    return _fixed(net, "TANH", x, 1 / 128, 0)


def _softmax(net: Net, x: Value) -> list[Value]:
    return _fixed(net, "SOFTMAX", x, 1 / 256, -128, beta=net.dice.pick((1.0, 1.0, 0.5)))


def _l2_normalization(net: Net, x: Value) -> list[Value]:
    return _fixed(net, "L2_NORMALIZATION", x, 1 / 128, 0)


# ------------------------------------------------------------------------------ pools, reductions


def _pool(kind: str) -> Callable[[Net, Value], list[Value]]:
    def add(net: Net, x: Value) -> list[Value]:
        batch, height, width, depth = x.shape
        kernel_h, kernel_w, stride_h, stride_w, padding = _window(net, x)
        rows = _windows(height, kernel_h, stride_h, padding)
        columns = _windows(width, kernel_w, stride_w, padding)
        return _same(
            net,
            kind,
            x,
            (batch, rows, columns, depth),
            padding=padding,
            stride_h=stride_h,
            stride_w=stride_w,
            filter_height=kernel_h,
            filter_width=kernel_w,
            fused_activation_function=_activation(net),
        )

    return add


def _reduce(kind: str) -> Callable[[Net, Value], list[Value]]:
    def add(net: Net, x: Value) -> list[Value]:
        axes = net.dice.pick(((1, 2), (1,), (2,), (3,), (1, 2, 3))) if _is_image(x) else (1,)
        shape = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
        if kind in ("REDUCE_MAX", "REDUCE_MIN"):
            return _same(net, kind, x, shape, axes, keep_dims=True)
        count = math.prod(x.shape[axis] for axis in axes)
        exact = x.scale / math.sqrt(count) if kind == "MEAN" else x.scale * math.sqrt(count)
        indices = net.model.constant(np.asarray(axes, np.int32))
        return _rescaled(net, kind, [x.tensor, indices], shape, _spread(net, exact), keep_dims=True)

    return add


# ------------------------------------------------------------------------------------- movement


def _reshape(net: Net, x: Value) -> list[Value]:
    rows = x.shape[0]
    shape = (rows, x.elements // rows) if _is_image(x) else (rows, 1, 1, x.shape[1])
    return _same(net, "RESHAPE", x, shape, shape, new_shape=shape)


def _transpose(net: Net, x: Value) -> list[Value]:
    order = net.dice.pick(((0, 2, 1, 3), (0, 3, 1, 2), (0, 1, 3, 2), (0, 2, 3, 1)))
    return _same(net, "TRANSPOSE", x, [x.shape[axis] for axis in order], order)


def _pad(net: Net, x: Value) -> list[Value]:
    pads = [(0, 0), *((net.dice.integer(0, 2), net.dice.integer(0, 2)) for _ in x.shape[1:])]
    return _same(net, "PAD", x, [n + a + b for n, (a, b) in zip(x.shape, pads, strict=True)], pads)


def _padv2(net: Net, x: Value) -> list[Value]:
    pads = [(0, 0), *((net.dice.integer(0, 2), net.dice.integer(0, 2)) for _ in x.shape[1:])]
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, pads, strict=True))
    paddings = net.model.constant(np.asarray(pads, np.int32))
    filler = net.model.constant(np.asarray(net.dice.integer(-128, 127), np.int8), x.scale, x.zero_point)
    tensor = net.op("PADV2", [x.tensor, paddings, filler], spec(shape, "int8", x.scale, x.zero_point))
    return [Value(tensor, shape, x.scale, x.zero_point)]


def _mirror_pad(net: Net, x: Value) -> list[Value]:
    mode = net.dice.pick(("REFLECT", "SYMMETRIC"))
    most = [min(2, size - 1 if mode == "REFLECT" else size) for size in x.shape]
    pads = [(0, 0), *((net.dice.integer(0, n), net.dice.integer(0, n)) for n in most[1:])]
    shape = [n + a + b for n, (a, b) in zip(x.shape, pads, strict=True)]
    return _same(net, "MIRROR_PAD", x, shape, pads, mode=mode)


def _resize(kind: str) -> Callable[[Net, Value], list[Value]]:
    def add(net: Net, x: Value) -> list[Value]:
        size = (net.dice.integer(1, 12), net.dice.integer(1, 12))
        corners, centers = net.dice.pick(((False, False), (True, False), (False, True)))
        shape = (x.shape[0], *size, x.shape[3])
        return _same(net, kind, x, shape, size, align_corners=corners, half_pixel_centers=centers)

    return add


def _concatenation(net: Net, x: Value) -> list[Value]:
    axis = net.dice.integer(1, len(x.shape) - 1)
    y = net.partner(x, same_scale=True)
    shape = tuple(2 * size if at == axis else size for at, size in enumerate(x.shape))
    described = spec(shape, "int8", x.scale, x.zero_point)
    tensor = net.op(
        "CONCATENATION", [x.tensor, y.tensor], described, axis=axis, fused_activation_function="NONE"
    )
    return [Value(tensor, shape, x.scale, x.zero_point)]


def _split(net: Net, x: Value) -> list[Value]:
    axis = len(x.shape) - 1
    parts = net.dice.pick([n for n in (2, 3, 1) if x.shape[axis] % n == 0])
    shape = (*x.shape[:-1], x.shape[-1] // parts)
    index = net.model.constant(np.asarray(axis, np.int32))
    specs = [spec(shape, "int8", x.scale, x.zero_point) for _ in range(parts)]
    first = net.op("SPLIT", [index, x.tensor], specs, num_splits=parts)
    return [Value(first + i, shape, x.scale, x.zero_point) for i in range(parts)]


def _split_v(net: Net, x: Value) -> list[Value]:
    axis = net.dice.pick([at for at in range(1, len(x.shape)) if x.shape[at] > 1])
    first_size = net.dice.integer(1, x.shape[axis] - 1)
    sizes = (first_size, x.shape[axis] - first_size)
    shapes = [(*x.shape[:axis], size, *x.shape[axis + 1 :]) for size in sizes]
    parameters = [net.model.constant(np.asarray(p, np.int32)) for p in (sizes, axis)]
    specs = [spec(shape, "int8", x.scale, x.zero_point) for shape in shapes]
    first = net.op("SPLIT_V", [x.tensor, *parameters], specs, num_splits=len(sizes))
    return [Value(first + i, shape, x.scale, x.zero_point) for i, shape in enumerate(shapes)]


def _pack(net: Net, x: Value) -> list[Value]:
    y = net.partner(x, same_scale=True)
    shape = (x.shape[0], 2, *x.shape[1:])
    described = spec(shape, "int8", x.scale, x.zero_point)
    packed = net.op("PACK", [x.tensor, y.tensor], described, values_count=2, axis=1)
    specs = [spec(x.shape, "int8", x.scale, x.zero_point) for _ in range(2)]
    first = net.op("UNPACK", [packed], specs, num=2, axis=1)
    return [Value(first + i, x.shape, x.scale, x.zero_point) for i in range(2)]


def _expand_and_squeeze(net: Net, x: Value) -> list[Value]:
    grown = _same(net, "EXPAND_DIMS", x, (x.shape[0], 1, *x.shape[1:]), 1)[0]
    return _same(net, "SQUEEZE", grown, x.shape, squeeze_dims=(1,))


def _slice(net: Net, x: Value) -> list[Value]:
    begin = [0, *(net.dice.integer(0, size - 1) for size in x.shape[1:])]
    size = [x.shape[0], *(net.dice.integer(1, n - b) for n, b in zip(x.shape[1:], begin[1:], strict=True))]
    return _same(net, "SLICE", x, size, begin, size)


def _strided_slice(net: Net, x: Value) -> list[Value]:
    begin = [0, *(net.dice.integer(0, size - 1) for size in x.shape[1:])]
    strides = [1, *(net.dice.integer(1, 2) for _ in x.shape[1:])]
    shape = [-(-(n - b) // s) for n, b, s in zip(x.shape, begin, strides, strict=True)]
    return _same(net, "STRIDED_SLICE", x, shape, begin, x.shape, strides)


def _gather(net: Net, x: Value) -> list[Value]:
    axis = net.dice.integer(1, len(x.shape) - 1)
    indices = [net.dice.integer(0, x.shape[axis] - 1) for _ in range(net.dice.integer(1, 4))]
    shape = (*x.shape[:axis], len(indices), *x.shape[axis + 1 :])
    return _same(net, "GATHER", x, shape, indices, axis=axis, batch_dims=0)


# ---------------------------------------------------------------------------------------- state


def _delay(net: Net, x: Value) -> list[Value]:
    """A stream's memory: what the last frame gave is put before what this one gives."""
    described = spec(x.shape, "int8", x.scale, x.zero_point)
    first = net.rng.integers(-128, 128, x.shape).astype(np.int8) if net.dice.integer(0, 1) else None
    memory = net.model.variable(f"delay/{x.tensor}", described, first)
    before = memory.read()
    shape = (x.shape[0], 2 * x.shape[1], *x.shape[2:])
    doubled = spec(shape, "int8", x.scale, x.zero_point)
    tensor = net.op("CONCATENATION", [before, x.tensor], doubled, axis=1, fused_activation_function="NONE")
    memory.assign(x.tensor)
    return [Value(tensor, shape, x.scale, x.zero_point)]


def _svdf(net: Net, x: Value) -> list[Value]:
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
    scale = _spread(net, state_scale * time_scale * 2e6 * math.sqrt(memory * rank) / 50)
    inputs = [x.tensor, feature, time, bias, state]
    # The reference interpreter ignores a fused activation; a net that has one means something else.
    return _rescaled(net, "SVDF", inputs, (rows, units), scale, rank=rank, fused_activation_function="NONE")


OPERATORS: tuple[Operator, ...] = (
    Operator(_is_image, _conv_2d),
    Operator(_is_image, _pointwise),
    Operator(_is_image, _depthwise_conv_2d),
    Operator(_always, _fully_connected),
    Operator(_always, _binary("ADD")),
    Operator(_always, _binary("SUB")),
    Operator(_always, _binary("MUL")),
    Operator(_is_image, _pool("AVERAGE_POOL_2D")),
    Operator(_is_image, _pool("MAX_POOL_2D")),
    Operator(_always, _reduce("MEAN")),
    Operator(_always, _reduce("SUM")),
    Operator(_always, _reduce("REDUCE_MAX")),
    Operator(_always, _reduce("REDUCE_MIN")),
    Operator(_always, _softmax),
    Operator(_always, _logistic),
    Operator(_always, _tanh),
    Operator(_always, _unary("HARD_SWISH")),
    Operator(_always, _unary("RELU")),
    Operator(_always, _unary("RELU6")),
    Operator(_always, _leaky_relu),
    Operator(_always, _prelu),
    Operator(_always, _unary("QUANTIZE")),
    Operator(_always, _reshape),
    Operator(_always, _expand_and_squeeze),
    Operator(_always, _concatenation),
    Operator(_always, _split),
    Operator(lambda x: any(size > 1 for size in x.shape[1:]), _split_v),
    Operator(_is_matrix, _pack),
    Operator(_always, _slice),
    Operator(_always, _strided_slice),
    Operator(_always, _gather),
    Operator(_is_image, _transpose),
    Operator(_always, _pad),
    Operator(_always, _padv2),
    Operator(_always, _mirror_pad),
    Operator(_is_image, _resize("RESIZE_NEAREST_NEIGHBOR")),
    Operator(_is_image, _resize("RESIZE_BILINEAR")),
    Operator(_always, _extremum("MAXIMUM")),
    Operator(_always, _extremum("MINIMUM")),
    Operator(_is_matrix, _l2_normalization),
    Operator(lambda x: len(x.shape) == 4 and x.shape[0] == 1, _batch_matmul),
    Operator(_is_image, _transpose_conv),
    Operator(_always, _delay),
    Operator(_is_matrix, _svdf),
)

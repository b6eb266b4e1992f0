"""Operators of random nets that move values, or keep them from one frame to the next.

Each function takes the net in the making and the value to start from, adds one operator (or a few that belong
together) and gives the new values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.testing.random_values import (
    Net,
    Value,
    is_image,
    same,
)
from edgekit.testing.tflite_builder import spec

if TYPE_CHECKING:
    from collections.abc import Callable


def add_reshape(net: Net, x: Value) -> list[Value]:
    rows = x.shape[0]
    shape = (rows, x.elements // rows) if is_image(x) else (rows, 1, 1, x.shape[1])
    return same(net, "RESHAPE", x, shape, shape, new_shape=shape)


def add_transpose(net: Net, x: Value) -> list[Value]:
    order = net.dice.pick(((0, 2, 1, 3), (0, 3, 1, 2), (0, 1, 3, 2), (0, 2, 3, 1)))
    return same(net, "TRANSPOSE", x, [x.shape[axis] for axis in order], order)


def add_pad(net: Net, x: Value) -> list[Value]:
    pads = [(0, 0), *((net.dice.integer(0, 2), net.dice.integer(0, 2)) for _ in x.shape[1:])]
    return same(net, "PAD", x, [n + a + b for n, (a, b) in zip(x.shape, pads, strict=True)], pads)


def add_padv2(net: Net, x: Value) -> list[Value]:
    pads = [(0, 0), *((net.dice.integer(0, 2), net.dice.integer(0, 2)) for _ in x.shape[1:])]
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, pads, strict=True))
    paddings = net.model.constant(np.asarray(pads, np.int32))
    filler = net.model.constant(np.asarray(net.dice.integer(-128, 127), np.int8), x.scale, x.zero_point)
    tensor = net.op("PADV2", [x.tensor, paddings, filler], spec(shape, "int8", x.scale, x.zero_point))
    return [Value(tensor, shape, x.scale, x.zero_point)]


def add_mirror_pad(net: Net, x: Value) -> list[Value]:
    mode = net.dice.pick(("REFLECT", "SYMMETRIC"))
    most = [min(2, size - 1 if mode == "REFLECT" else size) for size in x.shape]
    pads = [(0, 0), *((net.dice.integer(0, n), net.dice.integer(0, n)) for n in most[1:])]
    shape = [n + a + b for n, (a, b) in zip(x.shape, pads, strict=True)]
    return same(net, "MIRROR_PAD", x, shape, pads, mode=mode)


def add_resize(kind: str) -> Callable[[Net, Value], list[Value]]:
    def add(net: Net, x: Value) -> list[Value]:
        size = (net.dice.integer(1, 12), net.dice.integer(1, 12))
        corners, centers = net.dice.pick(((False, False), (True, False), (False, True)))
        shape = (x.shape[0], *size, x.shape[3])
        return same(net, kind, x, shape, size, align_corners=corners, half_pixel_centers=centers)

    return add


def add_concatenation(net: Net, x: Value) -> list[Value]:
    axis = net.dice.integer(1, len(x.shape) - 1)
    y = net.partner(x, same_scale=True)
    shape = tuple(2 * size if at == axis else size for at, size in enumerate(x.shape))
    described = spec(shape, "int8", x.scale, x.zero_point)
    tensor = net.op(
        "CONCATENATION", [x.tensor, y.tensor], described, axis=axis, fused_activation_function="NONE"
    )
    return [Value(tensor, shape, x.scale, x.zero_point)]


def add_split(net: Net, x: Value) -> list[Value]:
    axis = len(x.shape) - 1
    parts = net.dice.pick([n for n in (2, 3, 1) if x.shape[axis] % n == 0])
    shape = (*x.shape[:-1], x.shape[-1] // parts)
    index = net.model.constant(np.asarray(axis, np.int32))
    specs = [spec(shape, "int8", x.scale, x.zero_point) for _ in range(parts)]
    first = net.op("SPLIT", [index, x.tensor], specs, num_splits=parts)
    return [Value(first + i, shape, x.scale, x.zero_point) for i in range(parts)]


def add_split_v(net: Net, x: Value) -> list[Value]:
    axis = net.dice.pick([at for at in range(1, len(x.shape)) if x.shape[at] > 1])
    first_size = net.dice.integer(1, x.shape[axis] - 1)
    sizes = (first_size, x.shape[axis] - first_size)
    shapes = [(*x.shape[:axis], size, *x.shape[axis + 1 :]) for size in sizes]
    parameters = [net.model.constant(np.asarray(p, np.int32)) for p in (sizes, axis)]
    specs = [spec(shape, "int8", x.scale, x.zero_point) for shape in shapes]
    first = net.op("SPLIT_V", [x.tensor, *parameters], specs, num_splits=len(sizes))
    return [Value(first + i, shape, x.scale, x.zero_point) for i, shape in enumerate(shapes)]


def add_pack(net: Net, x: Value) -> list[Value]:
    y = net.partner(x, same_scale=True)
    shape = (x.shape[0], 2, *x.shape[1:])
    described = spec(shape, "int8", x.scale, x.zero_point)
    packed = net.op("PACK", [x.tensor, y.tensor], described, values_count=2, axis=1)
    specs = [spec(x.shape, "int8", x.scale, x.zero_point) for _ in range(2)]
    first = net.op("UNPACK", [packed], specs, num=2, axis=1)
    return [Value(first + i, x.shape, x.scale, x.zero_point) for i in range(2)]


def add_expand_and_squeeze(net: Net, x: Value) -> list[Value]:
    grown = same(net, "EXPAND_DIMS", x, (x.shape[0], 1, *x.shape[1:]), 1)[0]
    return same(net, "SQUEEZE", grown, x.shape, squeeze_dims=(1,))


def add_slice(net: Net, x: Value) -> list[Value]:
    begin = [0, *(net.dice.integer(0, size - 1) for size in x.shape[1:])]
    size = [x.shape[0], *(net.dice.integer(1, n - b) for n, b in zip(x.shape[1:], begin[1:], strict=True))]
    return same(net, "SLICE", x, size, begin, size)


def add_strided_slice(net: Net, x: Value) -> list[Value]:
    begin = [0, *(net.dice.integer(0, size - 1) for size in x.shape[1:])]
    strides = [1, *(net.dice.integer(1, 2) for _ in x.shape[1:])]
    shape = [-(-(n - b) // s) for n, b, s in zip(x.shape, begin, strides, strict=True)]
    return same(net, "STRIDED_SLICE", x, shape, begin, x.shape, strides)


def add_gather(net: Net, x: Value) -> list[Value]:
    axis = net.dice.integer(1, len(x.shape) - 1)
    indices = [net.dice.integer(0, x.shape[axis] - 1) for _ in range(net.dice.integer(1, 4))]
    shape = (*x.shape[:axis], len(indices), *x.shape[axis + 1 :])
    return same(net, "GATHER", x, shape, indices, axis=axis, batch_dims=0)


# ---------------------------------------------------------------------------------------- state


def add_delay(net: Net, x: Value) -> list[Value]:
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

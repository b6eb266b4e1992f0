"""Random networks that mostly move values: what shares memory must never be written too early."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgekit.testing.tflite_builder import ModelBuilder, Variable, spec
from tests.unit.operators.harness import assert_matches_oracle

Shape = tuple[int, int]

_LIKE: dict[str, Any] = {"scale": 0.5, "zero_point": -3}
_MOST_ELEMENTS = 64
_SHAPES: tuple[Shape, ...] = ((2, 2), (1, 4), (4, 1), (2, 4), (4, 2))  # few, so that tensors fit together
_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


class RandomNet:
    """A network of tensors with two axes, grown operator by operator."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.model = ModelBuilder()
        self.variables: list[tuple[Variable, Shape]] = []
        self.tensors: list[tuple[int, Shape]] = []
        self.written: list[int] = []
        for _ in range(self.random.integers(1, 3)):
            self.tensors.append((self.model.input(shape := self.any_shape(), **_LIKE), shape))
        for position in range(self.random.integers(0, 3)):
            shape = self.any_shape()
            initial = self.random.integers(-128, 128, shape).astype(np.int8)
            variable = self.model.variable(f"memory{position}", spec(shape, **_LIKE), initial)
            self.variables.append((variable, shape))

    def build(self, operators: int) -> bytes:
        for variable, shape in self.variables:
            self.add(variable.read(), shape)
        steps: list[Callable[[], None]] = [
            self.transpose, self.reshape, self.slice, self.strided, self.split,
            self.concatenate, self.concatenate, self.pack, self.relu, self.sum, self.read, self.assign,
        ]  # fmt: skip
        for _ in range(operators):
            steps[self.random.integers(len(steps))]()
        self.relu()  # so that there is an output
        count = int(self.random.integers(1, min(4, len(self.written)) + 1))
        outputs = self.random.choice(self.written, count, replace=False)
        return self.model.output(*(int(index) for index in outputs)).build()

    def any_shape(self) -> Shape:
        return _SHAPES[self.random.integers(len(_SHAPES))]

    def any_tensor(self) -> tuple[int, Shape]:
        return self.tensors[self.random.integers(len(self.tensors))]

    def add(self, index: int, shape: Shape) -> None:
        self.tensors.append((index, shape))
        self.written.append(index)

    def op(self, kind: str, inputs: list[int], shape: Shape, **options: Any) -> None:
        self.add(self.model.op(kind, inputs, spec(shape, **_LIKE), **options), shape)

    def integers(self, *values: int) -> int:
        return self.model.constant(np.array(values, np.int32))

    def transpose(self) -> None:
        x, (rows, columns) = self.any_tensor()
        self.op("TRANSPOSE", [x, self.integers(1, 0)], (columns, rows))

    def reshape(self) -> None:
        x, (rows, columns) = self.any_tensor()
        shapes = [(1, rows * columns), (rows * columns, 1), (columns, rows)]
        self.op("RESHAPE", [x], shapes[self.random.integers(3)])

    def slice(self) -> None:
        x, shape = self.any_tensor()
        begin = [int(self.random.integers(n)) for n in shape]
        size = [int(self.random.integers(1, n - b + 1)) for n, b in zip(shape, begin, strict=True)]
        self.op("SLICE", [x, self.integers(*begin), self.integers(*size)], (size[0], size[1]))

    def strided(self) -> None:
        x, (rows, columns) = self.any_tensor()
        begin = int(self.random.integers(rows))
        bounds = [self.integers(begin, 0), self.integers(rows, columns), self.integers(1, 1)]
        self.op("STRIDED_SLICE", [x, *bounds], (rows - begin, columns), **dict.fromkeys(_MASKS, 0))

    def split(self) -> None:
        x, shape = self.any_tensor()
        axis = int(self.random.integers(2))
        part = (1, shape[1]) if axis == 0 else (shape[0], 1)
        inputs = [self.model.constant(np.array(axis, np.int32)), x]
        first = self.model.op("SPLIT", inputs, [spec(part, **_LIKE)] * shape[axis], num_splits=shape[axis])
        for index in range(shape[axis]):
            self.add(first + index, part)

    def concatenate(self) -> None:
        axis = int(self.random.integers(2))
        _, shape = self.any_tensor()
        fitting = [(index, s) for index, s in self.tensors if s[1 - axis] == shape[1 - axis]]
        parts = [fitting[self.random.integers(len(fitting))] for _ in range(self.random.integers(1, 4))]
        length = sum(s[axis] for _, s in parts)
        if length * shape[1 - axis] <= _MOST_ELEMENTS:
            out = (length, shape[1]) if axis == 0 else (shape[0], length)
            self.op("CONCATENATION", [index for index, _ in parts], out, axis=axis)

    def pack(self) -> None:
        x, (rows, columns) = self.any_tensor()
        if 2 * rows * columns <= _MOST_ELEMENTS:
            packed = self.model.op("PACK", [x, x], spec((2, rows, columns), **_LIKE), values_count=2, axis=0)
            self.op("RESHAPE", [packed], (2 * rows, columns))

    def relu(self) -> None:
        x, shape = self.any_tensor()
        self.op("RELU", [x], shape)

    def sum(self) -> None:
        x, shape = self.any_tensor()
        alike = [index for index, s in self.tensors if s == shape]
        self.op("ADD", [x, alike[self.random.integers(len(alike))]], shape, fused_activation_function="NONE")

    def read(self) -> None:
        if self.variables:
            variable, shape = self.variables[self.random.integers(len(self.variables))]
            self.add(variable.read(), shape)

    def assign(self) -> None:
        for variable, shape in self.variables:
            fitting = [index for index, s in self.tensors if s[0] * s[1] == shape[0] * shape[1]]
            if self.random.integers(2):
                variable.assign(fitting[self.random.integers(len(fitting))])


@pytest.mark.parametrize("seed", range(24))
def test_a_random_network_gives_the_oracles_bytes(seed: int) -> None:
    assert_matches_oracle(RandomNet(seed).build(operators=4 + seed % 20), seed)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(1000, 1300))
def test_many_random_networks_give_the_oracles_bytes(seed: int) -> None:
    assert_matches_oracle(RandomNet(seed).build(operators=seed % 24 + 1), seed)

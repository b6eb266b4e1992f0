"""Randomly composed small int8 nets, valid for TFLite Micro, with inputs to run them on.

`random_net(seed)` makes one from a seed; `nets()` is the same as a Hypothesis strategy, which shrinks a
failure to fewer operators and smaller shapes. `random_operators.py` lists what they are
made of.
"""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from hypothesis import strategies as st

from edgekit.testing.random_operators import OPERATORS
from edgekit.testing.random_values import Value
from edgekit.testing.tflite_builder import ModelBuilder, spec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from edgekit.testing.tflite_builder import TensorSpec

_T = TypeVar("_T")
_MAX_OUTPUTS = 3
# Tensors of no more elements than this: the nets are small, so that many can be tried.
_MAX_ELEMENTS = 4096
_ORDINARY_SCALES = (1 / 255, 0.0235, 0.05, 0.1)
_EXTREME_SCALES = (1e-6, 3e-4, 1.0, 7.5, 300.0)


class Dice(Protocol):
    """Where a net's choices come from; the first or smallest choice is the simplest."""

    def integer(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        ...

    def pick(self, choices: Sequence[_T]) -> _T:
        """One of `choices`."""
        ...

    def rarely(self) -> bool:
        """True now and then."""
        ...


class _SeededDice:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def integer(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def pick(self, choices: Sequence[_T]) -> _T:
        return self._random.choice(choices)

    def rarely(self) -> bool:
        return self._random.random() < 0.15


class _DrawnDice:
    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        return int(self._draw(st.integers(low, high)))

    def pick(self, choices: Sequence[_T]) -> _T:
        return choices[self.integer(0, len(choices) - 1)]

    def rarely(self) -> bool:
        return self.integer(0, 6) == 6


@dataclasses.dataclass(frozen=True)
class InputSpec:
    """An input of a net: what `RandomNet.frames` fills."""

    shape: tuple[int, ...]
    dtype: str
    scale: float


@dataclasses.dataclass(frozen=True)
class RandomNet:
    """A random model: its flatbuffer, its inputs, and its operators in order."""

    flatbuffer: bytes
    inputs: tuple[InputSpec, ...]
    kinds: tuple[str, ...]
    seed: int

    def __repr__(self) -> str:
        return f"RandomNet({' '.join(self.kinds)}, seed {self.seed}, {len(self.flatbuffer)} bytes)"

    def frames(self, count: int) -> list[tuple[NDArray[Any], ...]]:
        """`count` frames of random inputs, always the same; integers start at their extremes."""
        rng = np.random.default_rng(self.seed)
        return [tuple(_fill(rng, each, number) for each in self.inputs) for number in range(count)]


def random_net(seed: int, operators: int | None = None) -> RandomNet:
    """The net of `seed`, of up to about `operators` operators (by default 1 to 10)."""
    dice = _SeededDice(seed)
    return _Composer(dice, seed).compose(dice.integer(1, 10) if operators is None else operators)


@st.composite
def nets(draw: Any, max_operators: int = 8) -> RandomNet:
    """A Hypothesis strategy of random nets."""
    dice = _DrawnDice(draw)
    seed = dice.integer(0, 2**16)
    return _Composer(dice, seed).compose(dice.integer(1, max_operators))


def _fill(rng: np.random.Generator, each: InputSpec, frame: int) -> NDArray[Any]:
    if each.dtype == "float32":
        # Beyond what the scale can represent, so that some values saturate.
        values = rng.uniform(-160, 160, each.shape) * each.scale
        return np.asarray(values if frame else np.zeros(each.shape), np.float32)
    bounds = np.iinfo(each.dtype)
    if frame < 2:
        return np.full(each.shape, (bounds.min, bounds.max)[frame], each.dtype)
    return np.asarray(rng.integers(bounds.min, bounds.max + 1, each.shape), each.dtype)


class _Composer:
    """Grows a net operator by operator. Implements `random_values.Net`."""

    def __init__(self, dice: Dice, seed: int) -> None:
        self.dice = dice
        self.rng = np.random.default_rng(seed)
        self.model = ModelBuilder()
        self._seed = seed
        self._inputs: list[InputSpec] = []
        self._values: list[Value] = []
        self._kinds: list[str] = []
        self._batch = 2 if dice.rarely() else 1

    def compose(self, operators: int) -> RandomNet:
        for _ in range(2 if self.dice.rarely() else 1):
            self._values.append(self._input())
        for _ in range(operators):
            self._grow()
        self._finish()
        return RandomNet(self.model.build(), tuple(self._inputs), tuple(self._kinds), self._seed)

    # ------------------------------------------------------------- what operators use (the protocol Net)

    def op(
        self, kind: str, inputs: Sequence[int | None], outputs: TensorSpec | list[TensorSpec], **options: Any
    ) -> int:
        """Add an operator; the index of its first output."""
        self._kinds.append(kind)
        return self.model.op(kind, inputs, outputs, **options)

    def scale(self) -> float:
        """A scale from nowhere: mostly ordinary, sometimes extreme."""
        return self.dice.pick(_EXTREME_SCALES if self.dice.rarely() else _ORDINARY_SCALES)

    def zero_point(self) -> int:
        """Anywhere in int8: often near zero or at the low end, rarely at the high one."""
        if self.dice.rarely():
            return self.dice.pick((0, 127, -127))
        return self.dice.pick((self.dice.integer(-20, 20), -128, self.dice.integer(-128, 100)))

    def partner(self, like: Value, *, same_scale: bool = False) -> Value:
        """Another value of the same shape (or the same value again), requantized if it must match."""
        others = [value for value in self._values if value.shape == like.shape]
        other = self.dice.pick(others)
        if same_scale and (other.scale, other.zero_point) != (like.scale, like.zero_point):
            described = spec(like.shape, "int8", like.scale, like.zero_point)
            other = dataclasses.replace(like, tensor=self.op("QUANTIZE", [other.tensor], described))
        return other

    # -------------------------------------------------------------------------------------------- parts

    def _input(self) -> Value:
        shape: tuple[int, ...]
        if self.dice.rarely():
            shape = (self._batch, self.dice.integer(1, 40))
        else:
            shape = (self._batch, *(self.dice.integer(1, 9) for _ in range(2)), self.dice.integer(1, 8))
        scale, zero_point = float(np.float32(self.scale())), self.zero_point()
        dtype = self.dice.pick(("int8", "int8", "uint8", "float32"))
        self._inputs.append(InputSpec(shape, dtype, scale))
        if dtype == "int8":
            return Value(self.model.input(shape, "int8", scale, zero_point), shape, scale, zero_point)
        quantized = spec(shape, "int8", scale, zero_point)
        if dtype == "float32":
            entered = self.model.input(shape, "float32")
        else:
            entered = self.model.input(shape, "uint8", scale, zero_point + 128)
        return Value(self.op("QUANTIZE", [entered], quantized), shape, scale, zero_point)

    def _grow(self) -> None:
        # The newest value mostly, so that nets get deep; an older one makes a branch.
        start = self.dice.pick(self._values) if self.dice.rarely() else self._values[-1]
        able = [operator for operator in OPERATORS if operator.takes(start)]
        grown = self.dice.pick(able).add(self, start)
        self._values += [value for value in grown if value.elements <= _MAX_ELEMENTS]

    def _finish(self) -> None:
        # The newest value, and a few of those that nobody reads; the others are computed for nothing.
        last = self._values[-1]
        outputs = [last, *(v for v in self._values[:-1] if self.dice.rarely())][:_MAX_OUTPUTS]
        entered = set(range(len(self._values))) & {v.tensor for v in self._values[: len(self._inputs)]}
        for value in outputs:
            self.model.output(self._leave(value, must_compute=value.tensor in entered))

    def _leave(self, value: Value, *, must_compute: bool) -> int:
        kind = self.dice.pick(("int8", "int8", "uint8", "float32", "index"))
        if kind == "uint8":
            described = spec(value.shape, "uint8", value.scale, value.zero_point + 128)
            return self.op("QUANTIZE", [value.tensor], described)
        if kind == "float32" or must_compute:
            return self.op("DEQUANTIZE", [value.tensor], spec(value.shape, "float32"))
        if kind == "index" and len(value.shape) == 2:
            axis = self.model.constant(np.asarray(1, np.int32))
            return self.op(
                "ARG_MAX", [value.tensor, axis], spec(value.shape[:1], "int32"), output_type="INT32"
            )
        return value.tensor

"""Damaged `.tflite` files for tests: the same seed gives the same damage."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from edgekit.testing.tflite_builder import pack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_HOSTILE_WORDS = (
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\xff\xff\xff\x7f",
    b"\0\0\0\x80",
    b"\1\0\0\0",
    b"\4\0\0\0",
)
_HOSTILE_INTEGERS = (-(2**31), -2, -1, 0, 1, 2, 3, 7, 255, 65536, 2**30, 2**31 - 1)
_HOSTILE_SCALES = (0.0, -1.0, float("nan"), float("inf"), 1e-45, 3e38)


def mutate(models: Sequence[bytes], seed: int) -> bytes:
    """One of `models`, damaged: bytes flipped, cut short, spliced, or a field set to a hostile value."""
    choice = random.Random(seed)
    model = choice.choice(models)
    kind: Callable[..., bytes] = choice.choice(
        (_flip_bits, _overwrite_bytes, _truncate, _overwrite_words, _splice, _edit_fields, _edit_fields)
    )
    return kind(choice, model, models)


def _flip_bits(choice: random.Random, model: bytes, _: Sequence[bytes]) -> bytes:
    damaged = bytearray(model)
    # The tables of a model are at either end of the file, the weights in between.
    near_the_end = choice.random() < 0.5
    for _count in range(choice.choice((1, 2, 5))):
        start = max(0, len(damaged) - 4000) if near_the_end else 0
        damaged[choice.randrange(start, len(damaged))] ^= 1 << choice.randrange(8)
    return bytes(damaged)


def _overwrite_bytes(choice: random.Random, model: bytes, _: Sequence[bytes]) -> bytes:
    damaged = bytearray(model)
    for _count in range(choice.choice((1, 3, 20, 200))):
        damaged[choice.randrange(len(damaged))] = choice.randrange(256)
    return bytes(damaged)


def _truncate(choice: random.Random, model: bytes, _: Sequence[bytes]) -> bytes:
    return model[: choice.randrange(len(model))]


def _overwrite_words(choice: random.Random, model: bytes, _: Sequence[bytes]) -> bytes:
    damaged = bytearray(model)
    for _count in range(choice.choice((1, 3, 10))):
        start = choice.randrange(0, len(damaged) - 4) & ~3
        anywhere = choice.randrange(len(damaged)).to_bytes(4, "little")
        damaged[start : start + 4] = choice.choice((*_HOSTILE_WORDS, anywhere))
    return bytes(damaged)


def _splice(choice: random.Random, model: bytes, models: Sequence[bytes]) -> bytes:
    damaged, other = bytearray(model), choice.choice(models)
    length = choice.choice((4, 16, 256, 4096))
    to, source = choice.randrange(len(damaged)), choice.randrange(len(other))
    damaged[to : to + length] = other[source : source + length]
    return bytes(damaged)


def _edit_fields(choice: random.Random, model: bytes, _: Sequence[bytes]) -> bytes:
    edited = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    for _count in range(choice.choice((1, 1, 2, 4))):
        graph = choice.choice(edited.subgraphs)
        edit = choice.choice(
            (_edit_tensor, _edit_operator, _edit_options, _edit_edges, _edit_order, _edit_model)
        )
        edit(choice, edited, graph)
    return pack(edited)


def _replace_one(choice: random.Random, values: Any) -> list[int]:
    """`values` with one of them replaced, doubled or removed."""
    changed = [] if values is None else [int(value) for value in values]
    if not changed or choice.random() < 0.2:
        return [*changed, choice.choice(_HOSTILE_INTEGERS)]
    position = choice.randrange(len(changed))
    if choice.random() < 0.2:
        return changed[:position] + changed[position + 1 :]
    changed[position] = choice.choice(_HOSTILE_INTEGERS)
    return changed


def _edit_tensor(choice: random.Random, model: Any, graph: Any) -> None:
    tensor = choice.choice(graph.tensors)
    field = choice.randrange(6)
    if field == 0:
        tensor.shape = _replace_one(choice, tensor.shape)
    elif field == 1:
        tensor.shapeSignature = _replace_one(choice, tensor.shapeSignature)
    elif field == 2:
        tensor.type = choice.randrange(-2, 24)
    elif field == 3:
        tensor.buffer = choice.choice((0, 1, len(model.buffers) - 1, len(model.buffers), 2**32 - 1))
    elif field == 4:
        tensor.isVariable = not tensor.isVariable
    else:
        _edit_quantization(choice, tensor)


def _edit_quantization(choice: random.Random, tensor: Any) -> None:
    quantization = tensor.quantization or schema.QuantizationParametersT()
    tensor.quantization = quantization
    field = choice.randrange(4)
    if field == 0:
        count = choice.choice((0, 1, 2, 8))
        quantization.scale = [choice.choice(_HOSTILE_SCALES) for _ in range(count)]
    elif field == 1:
        quantization.zeroPoint = _replace_one(choice, quantization.zeroPoint)
    elif field == 2:
        quantization.quantizedDimension = choice.choice(_HOSTILE_INTEGERS)
    else:
        tensor.quantization = None


def _edit_operator(choice: random.Random, model: Any, graph: Any) -> None:
    operator = choice.choice(graph.operators)
    field = choice.randrange(3)
    if field == 0:
        operator.inputs = _replace_one(choice, operator.inputs)
    elif field == 1:
        operator.outputs = _replace_one(choice, operator.outputs)
    else:
        operator.opcodeIndex = choice.randrange(len(model.operatorCodes) + 1)


def _edit_options(choice: random.Random, _model: Any, graph: Any) -> None:
    operator = choice.choice(graph.operators)
    if operator.builtinOptions is None or choice.random() < 0.1:
        operator.builtinOptions, operator.builtinOptionsType = None, choice.choice((0, 1, 200))
        return
    numbers = [name for name, value in vars(operator.builtinOptions).items() if isinstance(value, int)]
    if numbers:
        name = choice.choice(numbers)
        value = choice.choice((0, 1, 2, 3, 7, 100, 127))
        is_flag = isinstance(getattr(operator.builtinOptions, name), bool)
        setattr(operator.builtinOptions, name, bool(value % 2) if is_flag else value)


def _edit_edges(choice: random.Random, _model: Any, graph: Any) -> None:
    if choice.random() < 0.5:
        graph.inputs = _replace_one(choice, graph.inputs)
    else:
        graph.outputs = _replace_one(choice, graph.outputs)


def _edit_order(choice: random.Random, _model: Any, graph: Any) -> None:
    first, second = (choice.randrange(len(graph.operators)) for _ in range(2))
    operators = graph.operators
    operators[first], operators[second] = operators[second], operators[first]


def _edit_model(choice: random.Random, model: Any, _graph: Any) -> None:
    field = choice.randrange(3)
    if field == 0:
        choice.choice(model.operatorCodes).builtinCode = choice.randrange(0, 220)
    elif field == 1:
        del model.buffers[-1:]
    elif model.buffers:
        buffer = choice.choice(model.buffers)
        buffer.data = None if buffer.data is None else buffer.data[: choice.randrange(len(buffer.data) + 1)]

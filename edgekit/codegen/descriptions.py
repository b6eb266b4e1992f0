"""Tensors as runtime/edgekit.h describes them, and text that is safe in C."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from edgekit.artifacts import DType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgekit.artifacts import Tensor

_TYPES = {
    DType.INT8: "EDGEKIT_INT8",
    DType.UINT8: "EDGEKIT_UINT8",
    DType.INT16: "EDGEKIT_INT16",
    DType.INT32: "EDGEKIT_INT32",
    DType.INT64: "EDGEKIT_INT64",
    DType.FLOAT32: "EDGEKIT_FLOAT32",
    DType.BOOL: "EDGEKIT_BOOL",
}


def tensor_tables(name: str, tensors: Sequence[tuple[Tensor, int]]) -> list[str]:
    """An array `name` of edgekit_tensor for tensors at offsets of the arena; nothing for none."""
    if not tensors:
        return []
    shapes = [
        f"static const int32_t {name}_shape{i}[] = {{{', '.join(map(str, tensor.shape)) or '1'}}};"
        for i, (tensor, _) in enumerate(tensors)
    ]
    rows = [f"  {_tensor_row(t, f'{name}_shape{i}', offset)}," for i, (t, offset) in enumerate(tensors)]
    return [*shapes, f"static const edgekit_tensor {name}[] = {{", *rows, "};"]


def _tensor_row(tensor: Tensor, shape: str, offset: int) -> str:
    scale, zero_point = (0.0, 0) if tensor.quantization is None else (tensor.scale, tensor.zero_point)
    return (
        f"{{{string_literal(tensor.name)}, {_TYPES[tensor.dtype]}, {len(tensor.shape)}, {shape}, "
        f"{tensor.size_bytes}, {offset}, {exact_float(scale)}, {zero_point}}}"
    )


def string_literal(text: str) -> str:
    """A C string literal, in ASCII whatever the text holds; no trigraph and no long escape can form."""
    escaped = "".join(
        char if " " <= char <= "~" and char not in '"\\?' else "".join(f"\\{b:03o}" for b in char.encode())
        for char in text
    )
    return f'"{escaped}"'


def comment(text: str) -> str:
    """Text that is safe inside a C comment."""
    return (
        re.sub(r"[^ -~]", "?", json.dumps(text, ensure_ascii=True)[1:-1])
        .replace("*/", "* /")
        .replace("/*", "/ *")
    )


def exact_float(value: float) -> str:
    """An exact float literal."""
    return "0.0f" if value == 0.0 else f"{value.hex()}f"

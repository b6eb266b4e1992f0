"""Words of C: identifiers, types and literals."""

from __future__ import annotations

import bisect
import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_WIDTH = 110  # of a line

C_TYPES = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "uint16": "uint16_t",
    "int32": "int32_t",
    "uint32": "uint32_t",
    "int64": "int64_t",
    "uint64": "uint64_t",
    "float32": "float",
    "bool": "bool",
}
_LIMITS = {-(1 << 31): "INT32_MIN", -(1 << 63): "INT64_MIN"}
# Of C and C++, since a firmware may be written in either, and of what generated code calls its own.
_RESERVED = """
alignas alignof and asm auto bool break case catch char class const constexpr continue default
delete do double else enum explicit export extern false float for friend goto if inline int long
mutable namespace new not nullptr operator or private protected public register restrict return
short signed sizeof static struct switch template this throw true try typedef typename union
unsigned using virtual void volatile while xor arena state main
"""
# Headers of C, and EdgeKit's own: with `include` on the path, <model>.h would take their place.
_HEADERS = """
assert complex ctype edgekit errno fenv inttypes iso646 limits locale math setjmp signal stdalign
stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar
wctype
"""


def identifier(text: str, *, otherwise: str = "model") -> str:
    """A C identifier like a name: lower case, no leading digit, no keyword; never empty."""
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or otherwise
    return f"m_{plain}" if plain[0].isdigit() or plain in _RESERVED.split() else plain


def model_prefix(name: str) -> str:
    """What all names in C of a model start with, and its header is called."""
    prefix = identifier(name)
    return f"m_{prefix}" if prefix in _HEADERS.split() else prefix


def integer_literal(value: int, dtype: str) -> str:
    """An integer constant of a type, without a conversion that a compiler would warn of."""
    if dtype == "bool":
        return "true" if value else "false"
    if value in _LIMITS:
        return _LIMITS[value]
    if dtype == "int64":
        return f"INT64_C({value})"
    return f"{value}u" if dtype in ("uint32", "uint64") else str(value)


def float_literal(value: float) -> str:
    """The shortest decimal that gives exactly this single-precision number."""
    single = np.float32(value)
    if np.isnan(single):
        return '__builtin_nanf("")'
    if np.isinf(single):
        return "__builtin_inff()" if single > 0 else "-__builtin_inff()"
    text = str(single)
    return f"{text}f" if re.search(r"[.e]", text) else f"{text}.0f"


def wrapped(before: str, parts: Sequence[str], after: str, *, indent: int) -> list[str]:
    """A comma-separated list between two texts, on as many lines as it takes, one under the other."""
    lines = [" " * indent + before]
    hanging = min(len(lines[0]), _WIDTH // 2)
    for position, part in enumerate(parts):
        piece = part + (after if position + 1 == len(parts) else ",")
        if len(lines[-1]) + 1 + len(piece) > _WIDTH and lines[-1].strip():
            lines.append(" " * hanging + piece)
        else:
            lines[-1] += piece if lines[-1].endswith("(") else f" {piece}"
    if not parts:
        lines[-1] += after
    return lines


def filled(parts: Sequence[str], *, indent: int) -> list[str]:
    """Comma-separated literals in full lines."""
    lines: list[str] = []
    line = " " * indent
    for part in parts:
        if len(line) + len(part) + 1 > _WIDTH:
            lines.append(line.rstrip())
            line = " " * indent
        line += f"{part}, "
    return [*lines, line.rstrip()]


def filled_integers(values: NDArray[Any], *, indent: int) -> list[str]:
    """What `filled` makes of an array's integers, in a fraction of the time: networks have millions."""
    different, which = np.unique(values.reshape(-1), return_inverse=True)
    literals = [f"{integer_literal(int(value), str(values.dtype))}, " for value in different]
    texts = [literals[index] for index in which.tolist()]
    ends = np.cumsum(np.array([len(literal) for literal in literals])[which]).tolist()
    room = _WIDTH + 1 - indent  # the last space does not count
    lines = []
    begin, length = 0, 0
    while begin < len(texts):
        end = bisect.bisect_right(ends, length + room, begin)
        lines.append(" " * indent + "".join(texts[begin:end]).rstrip())
        begin, length = end, ends[end - 1]
    return lines

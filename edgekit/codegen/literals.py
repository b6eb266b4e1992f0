"""Values as C says them: text that is safe in literals and comments, and exact numbers."""

from __future__ import annotations

import json
import re


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

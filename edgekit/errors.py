"""Every failure that a user can fix: one class each, with its exit code.

A message says what happened, why, and what to do about it. Anything raised that is not an
`EdgeKitError` is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class ExitCode(IntEnum):
    """What the `edgekit` command returns to the shell."""

    DONE = 0
    BUG = 1
    USAGE = 2
    OUTPUTS_DIFFER = 3
    BUDGET_EXCEEDED = 4
    DEVICE = 5
    ROLLED_BACK = 6
    MODEL = 7
    TOOL_MISSING = 8


class EdgeKitError(Exception):
    """A failure the user can fix: what happened, why, and how to fix it."""

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE

    def __init__(self, what: str, *, why: str, fix: str) -> None:
        super().__init__(f"{what}\n  why: {why}\n  fix: {fix}")
        self.what, self.why, self.fix = what, why, fix


def nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    """A hint for a misspelt name: "Did you mean …?", or `otherwise` when nothing is near."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]!r}?" if close else otherwise


# ------------------------------------------------------------------------------- the model (7)


class UnreadableModelError(EdgeKitError):
    """The file is not a readable .tflite model: truncated, corrupt or hostile."""

    exit_code = ExitCode.MODEL


class UnsupportedModelError(EdgeKitError):
    """The model is well-formed, but has an operator, shape or type that EdgeKit cannot build."""

    exit_code = ExitCode.MODEL


# -------------------------------------------------------------------------------- tools (8)


class ToolMissingError(EdgeKitError):
    """A program or package that this step needs is not installed."""

    exit_code = ExitCode.TOOL_MISSING

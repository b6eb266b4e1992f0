"""Build a model for a target."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.pipeline import compile_model
from edgekit.project import Budgets
from edgekit.target import Target, load_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.artifacts import Bundle

    Progress = Callable[[str, float | None], None]

_NO_BUDGETS = Budgets()


def build(
    model: Path | str,
    *,
    target: Target | str,
    output: Path | str = "build",
    name: str | None = None,
    budgets: Budgets = _NO_BUDGETS,
    dump: Path | None = None,
    progress: Progress = lambda _stage, _share: None,
) -> Bundle:
    """Build a full-integer .tflite model for a target, into `output`/<model>/<target>.

    The folder is complete or absent: what was there stays until the new build is whole. The same model,
    target and versions of the tools give the same bytes.

    Args:
        model: path of the .tflite file.
        target: a target, its name ("rpi4") or the path of a target file.
        output: root of the build folders.
        name: what to call the model; its file's name by default.
        budgets: bytes of RAM and flash that the build may need at most.
        dump: a folder for the value after every stage, as text.
        progress: called with each stage and the share done, 0 to 1.

    Returns:
        The bundle: its path and manifest.

    Raises:
        UnreadableModelError, UnsupportedModelError: the model cannot be built (exit code 7).
        UnknownTargetError, UnknownCpuError: there is no such target or CPU (2).
        BudgetExceededError: it costs more than it may (4).
        ToolMissingError: the C compiler is not installed (8).
        BundleUnwritableError: the folder cannot be written.
    """
    chosen = load_target(target) if isinstance(target, str) else target
    return compile_model(
        Path(model), chosen, Path(output), name=name, budgets=budgets, dump=dump, progress=progress
    )

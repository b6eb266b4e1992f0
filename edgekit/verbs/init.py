"""Write the project file of a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekit.errors import MissingKeyError, ProjectExistsError
from edgekit.project import PROJECT_FILE, Project, load_project, render_project
from edgekit.recipe import load_recipe
from edgekit.target import load_target

if TYPE_CHECKING:
    from pathlib import Path


def init(
    directory: Path,
    *,
    model: Path | None = None,
    recipe: str | None = None,
    target: str | None = None,
    overwrite: bool = False,
) -> Project:
    """Write `edgekit.toml` into a folder and return what it says.

    Args:
        directory: the project's folder; it must exist.
        model: the .tflite file, absolute or relative to `directory`; by default the only one there is.
        recipe: a recipe that names the model, instead of `model`.
        target: a target's name or file; by default the recipe's, else "rpi4".
        overwrite: replace a project file that is already there.

    Raises:
        ProjectExistsError: there is a project file and `overwrite` is false.
        MissingKeyError: neither a model nor a recipe is given, and not exactly one .tflite file is there.
        UnknownTargetError, UnknownRecipeError: no such target or recipe.
    """
    path = directory / PROJECT_FILE
    if path.exists() and not overwrite:
        raise ProjectExistsError(
            f"{path} exists.",
            why="It may hold settings of yours.",
            fix="Edit it, or pass --force to replace it.",
        )
    if model is None and recipe is None:
        model = _only_model(directory)
    if target is None:
        target = load_recipe(recipe).target if recipe is not None else "rpi4"
    load_target(target)
    if recipe is not None:
        load_recipe(recipe)
    text = render_project(model=_relative(model, directory), recipe=recipe, target=target)
    path.write_text(text, encoding="utf-8")
    return load_project(directory)


def _only_model(directory: Path) -> Path:
    found = sorted(directory.glob("*.tflite"))
    if len(found) == 1:
        return found[0]
    raise MissingKeyError(
        "No model is named.",
        why=f"{directory} has {len(found)} .tflite files, so there is nothing to choose by itself.",
        fix="Name one: edgekit init model.tflite, or edgekit init --recipe keyword-spotting.",
    )


def _relative(model: Path | None, directory: Path) -> str | None:
    """The model as the project file writes it: relative when it lies in the folder."""
    if model is None:
        return None
    absolute, folder = (directory / model).resolve(), directory.resolve()
    return absolute.relative_to(folder).as_posix() if absolute.is_relative_to(folder) else str(absolute)

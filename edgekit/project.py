"""`edgekit.toml`: what a project builds and where it deploys, so that a verb needs no arguments."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.errors import MissingKeyError, WrongValueError
from edgekit.samples.functions import is_function
from edgekit.samples.preprocessing import Preprocessing, preprocessing_of
from edgekit.schema import Key, check_table, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT_FILE = "edgekit.toml"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeployDefaults:
    """[deploy]: the device that a verb means when no option names one."""

    host: str
    user: str | None = None
    port: int | None = None
    identity: Path | None = None
    jump: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Budgets:
    """[budgets]: what a build may cost at most. None is no limit."""

    max_ram_bytes: int | None = None  # arena and state
    max_flash_bytes: int | None = None  # the library; of a firmware, code and weights
    max_instructions: int | None = None  # of one invocation, on a microcontroller


@dataclasses.dataclass(frozen=True, kw_only=True)
class Project:
    """One project file, read. Paths in it are relative to its folder, and absolute here."""

    path: Path
    model: Path | None  # a .tflite file, or with `calibration` any float model
    recipe: str | None  # or a recipe that names one
    calibration: str | None  # the samples to quantize it with: a path, or "module:function"
    signature: str | None  # the one to build, of a SavedModel that has several
    name: str | None  # of the model in build/; None: the file's own
    target: str | None
    output: Path  # the root of the build folder
    deploy: DeployDefaults | None
    budgets: Budgets
    preprocessing: Preprocessing  # of raw samples, for calibration and evaluation


_SCHEMA: Mapping[str, Key] = {
    "model": Key(type=str, required=False),
    "recipe": Key(type=str, required=False),
    "calibration": Key(type=str, required=False),
    "signature": Key(type=str, required=False),
    "name": Key(type=str, required=False),
    "target": Key(type=str, required=False),
    "output": Key(type=str, required=False),
    "deploy": Key(
        type=dict,
        required=False,
        keys={
            "host": Key(type=str),
            "user": Key(type=str, required=False),
            "port": Key(type=int, required=False),
            "identity": Key(type=str, required=False),
            "jump": Key(type=str, required=False),
        },
    ),
    "budgets": Key(
        type=dict,
        required=False,
        keys={
            "max_ram_bytes": Key(type=int, required=False),
            "max_flash_bytes": Key(type=int, required=False),
            "max_instructions": Key(type=int, required=False),
        },
    ),
    "preprocess": Key(type=dict, required=False, is_open=True),  # `preprocessing_of` knows its keys
}


def find_project(directory: Path) -> Project | None:
    """The project of a folder, or None where there is no project file. Parent folders are not searched."""
    return load_project(directory) if (directory / PROJECT_FILE).is_file() else None


def load_project(directory: Path) -> Project:
    """Read the project file of a folder.

    Raises:
        UnreadableSettingsError, UnknownKeyError, MissingKeyError, WrongTypeError, WrongValueError:
            the file is absent or not a valid project.
    """
    path = (directory / PROJECT_FILE).absolute()
    table = read_toml(path)
    check_table(table, _SCHEMA, str(path))
    _check_values(table, str(path))
    folder = path.parent
    deploy = table.get("deploy")
    return Project(
        path=path,
        model=folder / table["model"] if "model" in table else None,
        recipe=table.get("recipe"),
        calibration=_calibration(table.get("calibration"), folder),
        signature=table.get("signature"),
        name=table.get("name"),
        target=_target(table.get("target"), folder),
        output=folder / table.get("output", "build"),
        deploy=_deploy(deploy, folder) if deploy is not None else None,
        budgets=Budgets(**table.get("budgets", {})),
        preprocessing=preprocessing_of(table.get("preprocess", {}), f"{path}, table [preprocess]"),
    )


def render_project(*, model: str | None, recipe: str | None, target: str) -> str:
    """The text of a new project file, every other key shown as a comment."""
    source = f"model = {_quote(model)}" if model is not None else f"recipe = {_quote(recipe or '')}"
    return f"""\
# What `edgekit build` builds and where `edgekit deploy` sends it. Options on the command line win.
{source}
target = {_quote(target)}   # `edgekit targets` lists them
# name = "my-model"      # how the build is called; the model file's name otherwise
# output = "build"
# calibration = "samples"  # quantizes a float model (.keras, .h5, .tflite, a SavedModel's folder)

# [preprocess]           # what was done to raw samples in training: docs/calibration.md
# scale = "1/255"

# [deploy]
# host = "pi.local"      # a name, an address or an alias of your SSH configuration
# user = "pi"
# port = 22
# identity = "~/.ssh/id_ed25519"
# jump = "user@gateway"

# [budgets]              # a build that costs more fails with exit code 4
# max_ram_bytes = 65536
# max_flash_bytes = 262144
# max_instructions = 8000000   # of an invocation, on a microcontroller
"""


def _check_values(table: Mapping[str, Any], where: str) -> None:
    if "model" in table and "recipe" in table:
        raise WrongValueError(
            f"{where} sets both 'model' and 'recipe'.",
            why="A recipe names a model itself.",
            fix="Delete one of the two.",
        )
    if "model" not in table and "recipe" not in table:
        raise MissingKeyError(
            f"{where} sets neither 'model' nor 'recipe'.",
            why="There is no default for the model.",
            fix='Add model = "path/to/model.tflite".',
        )
    if "calibration" in table and "recipe" in table:
        raise WrongValueError(
            f"{where} sets both 'recipe' and 'calibration'.",
            why="A recipe's model is quantized already.",
            fix="Delete one of the two.",
        )
    port = table.get("deploy", {}).get("port", 22)
    if not 1 <= port <= 65535:
        raise WrongValueError(
            f"{where}, table [deploy]: 'port' is {port}.", why="A port is 1 to 65535.", fix="Correct 'port'."
        )
    for key, value in table.get("budgets", {}).items():
        if value < 1:
            raise WrongValueError(
                f"{where}, table [budgets]: {key!r} is {value}.",
                why="A budget is a number of bytes above 0.",
                fix=f"Correct {key!r}, or delete it for no limit.",
            )


def _target(value: str | None, folder: Path) -> str | None:
    """A target's name as it is; the path of a target file made absolute."""
    return str(folder / value) if value is not None and value.endswith(".toml") else value


def _calibration(value: str | None, folder: Path) -> str | None:
    """The path of samples made absolute; a function's name as it is."""
    if value is None or (is_function(value) and not (folder / value).exists()):
        return value
    return str(folder / value)


def _deploy(table: Mapping[str, Any], folder: Path) -> DeployDefaults:
    identity = table.get("identity")
    return DeployDefaults(
        host=table["host"],
        user=table.get("user"),
        port=table.get("port"),
        identity=folder / Path(identity).expanduser() if identity is not None else None,
        jump=table.get("jump"),
    )


def _quote(text: str) -> str:
    """A TOML basic string: JSON's escapes are a subset of TOML's, but TOML forbids a bare DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

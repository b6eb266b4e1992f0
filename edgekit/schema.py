"""Reading a TOML file against a list of the keys it may have, with a hint for every slip."""

from __future__ import annotations

import dataclasses
import tomllib
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from edgekit.errors import (
    MissingKeyError,
    UnknownKeyError,
    UnreadableSettingsError,
    WrongTypeError,
    WrongValueError,
    nearest,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

E = TypeVar("E", bound=StrEnum)

_TYPE_NAMES = {
    str: "a string",
    int: "a whole number",
    bool: "true or false",
    float: "a number",
    dict: "a table",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Key:
    """One key a table may have: the type of its value, and whether it must be there.

    `type=list` is a list of strings. `keys` are those of a nested table; without them a nested
    table may have any names, with strings as values, or, where it `is_open`, with what its own reader takes.
    """

    type: type
    required: bool = True
    keys: Mapping[str, Key] | None = None
    is_open: bool = False


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file.

    Raises:
        UnreadableSettingsError: the file is absent, not UTF-8, or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableSettingsError(
            f"{path} cannot be read.",
            why=error.strerror or str(error),
            fix="Check the path and its permissions.",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnreadableSettingsError(
            f"{path} is not a TOML file.",
            why=str(error),
            fix="Correct that line; https://toml.io has the syntax.",
        ) from error


def check_table(table: Mapping[str, Any], schema: Mapping[str, Key], where: str) -> None:
    """Check every key of a table, and of the tables in it. `where` opens every message.

    Raises:
        UnknownKeyError: a key that the schema does not have; names the nearest one.
        MissingKeyError: a required key is absent.
        WrongTypeError: a value is not of its key's type.
    """
    for name in table:
        if name not in schema:
            raise UnknownKeyError(
                f"{where} has an unknown key {name!r}.",
                why=f"Its keys are: {', '.join(schema)}.",
                fix=nearest(name, schema, "Delete the key."),
            )
    for name, key in schema.items():
        if name not in table:
            if key.required:
                raise MissingKeyError(
                    f"{where} does not set {name!r}.",
                    why="There is no default for it.",
                    fix=f"Add {name} = … ({_describe(key)}).",
                )
            continue
        _check_type(table[name], key, f"{where}: {name!r}")
        if key.type is dict and key.keys is not None:
            check_table(table[name], key.keys, f"{where}, table [{name}]")


def choose(value: str, kinds: type[E], where: str) -> E:
    """The member of an enumeration that a string names.

    Raises:
        WrongValueError: no member has that value; names the nearest one.
    """
    known = [kind.value for kind in kinds]
    if value not in known:
        raise WrongValueError(
            f"{where} is {value!r}.",
            why=f"It must be one of: {', '.join(known)}.",
            fix=nearest(value, known, f"Use {known[0]!r}."),
        )
    return kinds(value)


def _check_type(value: object, key: Key, where: str) -> None:
    if key.type is list:
        right = isinstance(value, list) and all(isinstance(item, str) for item in value)
    elif key.type is dict and key.keys is None and not key.is_open:
        right = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    elif key.type is float:
        right = isinstance(value, int | float) and not isinstance(value, bool)
    else:
        right = isinstance(value, key.type) and (key.type is bool or not isinstance(value, bool))
    if not right:
        raise WrongTypeError(
            f"{where} has the wrong type.",
            why=f"It must be {_describe(key)}; it is {value!r}.",
            fix=f"Write {_describe(key)}.",
        )


def _describe(key: Key) -> str:
    return "a list of strings" if key.type is list else _TYPE_NAMES[key.type]

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pytest

from edgekit.errors import (
    MissingKeyError,
    UnknownKeyError,
    UnreadableSettingsError,
    WrongTypeError,
    WrongValueError,
)
from edgekit.schema import Key, check_table, choose, read_toml

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = {
    "name": Key(type=str),
    "cores": Key(type=int, required=False),
    "share": Key(type=float, required=False),
    "streaming": Key(type=bool, required=False),
    "features": Key(type=list, required=False),
    "deploy": Key(type=dict, required=False, keys={"host": Key(type=str)}),
    "labels": Key(type=dict, required=False),
}


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


def test_a_table_with_every_key_is_accepted() -> None:
    table = {
        "name": "a",
        "cores": 4,
        "share": 1,
        "streaming": True,
        "features": ["+neon"],
        "deploy": {"host": "pi"},
        "labels": {"any": "thing"},
    }
    check_table(table, SCHEMA, "x.toml")


def test_an_unknown_key_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownKeyError, match=r"x\.toml has an unknown key 'nmae'") as caught:
        check_table({"nmae": "a"}, SCHEMA, "x.toml")
    assert caught.value.fix == "Did you mean 'name'?"


def test_an_unknown_key_that_is_near_to_nothing_is_to_be_deleted() -> None:
    with pytest.raises(UnknownKeyError) as caught:
        check_table({"name": "a", "zzz": 1}, SCHEMA, "x.toml")
    assert caught.value.fix == "Delete the key."


def test_an_unknown_key_in_a_nested_table_names_the_table() -> None:
    with pytest.raises(
        UnknownKeyError, match=r"x\.toml, table \[deploy\] has an unknown key 'hosts'"
    ) as caught:
        check_table({"name": "a", "deploy": {"hosts": "pi"}}, SCHEMA, "x.toml")
    assert "host" in caught.value.fix


def test_a_missing_key_is_named_with_its_type() -> None:
    with pytest.raises(MissingKeyError, match="does not set 'name'") as caught:
        check_table({}, SCHEMA, "x.toml")
    assert "a string" in caught.value.fix


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", 1),
        ("cores", "4"),
        ("cores", True),  # Python takes a bool for an int; a core count of `true` is a slip
        ("cores", 1.5),
        ("share", "1"),
        ("share", False),
        ("streaming", 1),
        ("features", "+neon"),
        ("features", [1]),
        ("deploy", "pi"),
        ("labels", {"a": 1}),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(key: str, value: Any) -> None:
    with pytest.raises(WrongTypeError, match=rf"x\.toml: '{key}' has the wrong type") as caught:
        check_table({"name": "a", key: value}, SCHEMA, "x.toml")
    assert repr(value) in caught.value.why


def test_a_value_outside_an_enumeration_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(WrongValueError, match="'colour' is 'gren'") as caught:
        choose("gren", Colour, "'colour'")
    assert caught.value.fix == "Did you mean 'green'?"
    assert caught.value.why == "It must be one of: red, green."


def test_a_file_that_is_not_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("a = 1\nb = = 2\n", encoding="utf-8")
    with pytest.raises(UnreadableSettingsError, match="is not a TOML file") as caught:
        read_toml(path)
    assert "line 2" in caught.value.why


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b'a = "\xff"\n')
    with pytest.raises(UnreadableSettingsError, match="is not a TOML file"):
        read_toml(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSettingsError, match="cannot be read") as caught:
        read_toml(tmp_path / "absent.toml")
    assert caught.value.why == "No such file or directory"


def test_a_folder_is_no_settings_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSettingsError, match="cannot be read"):
        read_toml(tmp_path)


def test_an_open_table_takes_what_its_own_reader_takes() -> None:
    schema = {"preprocess": Key(type=dict, is_open=True)}
    check_table({"preprocess": {"mean": [0.5, 1], "scale": "1/255"}}, schema, "edgekit.toml")
    with pytest.raises(WrongTypeError, match="'preprocess'"):
        check_table({"preprocess": 3}, schema, "edgekit.toml")

"""Options tables of operators, decoded to plain dictionaries."""

from __future__ import annotations

import re
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from edgekit.ingest.flatbuffer import Budget, CorruptDataError, check, integers, text
from edgekit.ingest.schema import OPTION_ENUMS, OPTIONS, OPTIONS_2, OPTIONS_OF, options_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flatbuffers.table import Table

_NOT_FIELDS = re.compile(r"^(GetRootAs.*|.*BufferHasIdentifier|Init|.*AsNumpy|.*Length|.*IsNone)$")
# A table without fields: one vtable that holds nothing, so that the accessors answer their defaults.
_EMPTY_TABLE = b"\x04\x00\x04\x00\x04\x00\x00\x00"
_EMPTY_TABLE_POSITION = 4


def decode_options(kind: str, operator: Any, budget: Budget) -> Mapping[str, Any]:
    """The options of a (checked) generated Operator of `kind`, defaults where they are absent.

    Keys are the schema's fields in snake_case; enums are their names; vectors are tuples.
    Raises CorruptDataError when the table is malformed or belongs to another operator.
    """
    name, table = _options_table(operator)
    expected = OPTIONS_OF.get(kind)
    if expected is None:
        return _decode(name, table, budget) if name else MappingProxyType({})
    if name and name != expected:
        raise CorruptDataError(f"its options are {name}, which belong to another operator")
    return _decode(expected, table, budget) if expected else MappingProxyType({})


def _options_table(operator: Any) -> tuple[str, Table | None]:
    for names, number, table in (
        (OPTIONS, operator.BuiltinOptionsType(), operator.BuiltinOptions),
        (OPTIONS_2, operator.BuiltinOptions2Type(), operator.BuiltinOptions2),
    ):
        if number:
            if number not in names:
                raise CorruptDataError(f"its options have the unknown type {number}")
            return names[number], table()
    return "", None


def _decode(name: str, table: Table | None, budget: Budget) -> Mapping[str, Any]:
    generated_class = options_class(name)
    if generated_class is None:
        return MappingProxyType({})
    options = generated_class()
    if table is None:
        options.Init(_EMPTY_TABLE, _EMPTY_TABLE_POSITION)
    else:
        options.Init(table.Bytes, table.Pos)
    check(options, budget)
    return MappingProxyType(
        {field: _value(options, field, accessor, budget) for field, accessor in _fields(name)}
    )


@cache
def _fields(name: str) -> tuple[tuple[str, str], ...]:
    """(snake_case name, accessor) of every field, in the schema's order."""
    accessors = [
        accessor
        for accessor, member in vars(options_class(name)).items()
        if callable(member) and not accessor.startswith("_") and not _NOT_FIELDS.match(accessor)
    ]
    return tuple((_snake_case(accessor), accessor) for accessor in accessors)


def _snake_case(camel_case: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", camel_case).lower()


def _value(options: Any, field: str, accessor: str, budget: Budget) -> Any:
    if hasattr(options, f"{accessor}AsNumpy"):
        return integers(getattr(options, f"{accessor}AsNumpy")(), budget)
    if hasattr(options, f"{accessor}Length"):
        return ()  # a vector of tables: no operator that can be built has one
    value = getattr(options, accessor)()
    if isinstance(value, bytes):
        return text(value)
    names = OPTION_ENUMS.get(field)
    if names is None or not isinstance(value, int):
        return value
    if value not in names:
        raise CorruptDataError(f"its option {field} has the unknown value {value}")
    return names[value]

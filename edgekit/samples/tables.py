"""Samples in a CSV: one in each row, one number in each column, and perhaps a column of labels.

The first row names the columns. Comma, semicolon or tab may divide them. Labels that are whole numbers are
taken as they are, and other numbers are what a model is to estimate; all else are names of classes, numbered
in their order.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

import numpy as np

from edgekit.samples.errors import SamplesDoNotFitError, SamplesNotFoundError, SamplesUnreadableError
from edgekit.samples.loaded import Loaded, check_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edgekit.samples.preprocessing import Preprocessing
    from edgekit.samples.samples import InputTensor


def read_csv(path: Path, tensors: Sequence[InputTensor], preprocessing: Preprocessing) -> Loaded:
    """The rows of a table, as raw numbers in the model's shape.

    Raises:
        SamplesUnreadableError: a cell that is no number, a row that is too short or too long; names the line.
        SamplesNotFoundError: no row.
        SamplesDoNotFitError: other columns than the model has values.
        SamplesTooLargeError: too many rows.
    """
    header, rows = _rows(path)
    check_size(len(rows), tensors, str(path))
    position = header.index(preprocessing.label_column) if preprocessing.label_column in header else None
    columns = [name for index, name in enumerate(header) if index != position]
    _check_columns(path, columns, tensors, preprocessing)
    values = np.empty((len(rows), len(columns)))
    for into, (line, row) in zip(values, rows, strict=True):
        cells = [cell for index, cell in enumerate(row) if index != position]
        into[:] = [_value(cell, path, line, name) for cell, name in zip(cells, columns, strict=True)]
    labels, classes = _labels([row[position] for _, row in rows]) if position is not None else (None, ())
    return Loaded(
        inputs=(values.reshape(-1, *tensors[0].shape[1:]),),
        labels=labels,
        names=tuple(f"line {line}" for line, _ in rows),
        classes=classes,
        is_raw=True,
    )


def _rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and every row that is not empty with the number of its line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            divider = max(",;\t", key=first.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=divider, strict=True)
            header = [cell.strip() for cell in next(reader, [])]
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _unreadable(path, f"{reason}", "Save it again as a CSV in UTF-8.") from error
    for line, row in rows:
        if len(row) != len(header):
            raise _unreadable(
                path,
                f"Line {line} has {len(row)} cells, and the first row names {len(header)} columns",
                "Correct that line.",
            )
    if not rows:
        raise SamplesNotFoundError(
            f"{path} holds no sample.",
            why="It has no row below the names of the columns.",
            fix="Give one row for each sample, below a row of names.",
        )
    return header, rows


def _check_columns(
    path: Path, columns: Sequence[str], tensors: Sequence[InputTensor], preprocessing: Preprocessing
) -> None:
    wanted = int(np.prod(tensors[0].shape[1:])) if len(tensors) == 1 else -1
    if len(columns) != wanted:
        takes = f"{wanted} values" if wanted >= 0 else f"{len(tensors)} inputs, and a CSV is for one"
        raise SamplesDoNotFitError(
            f"{path} has {len(columns)} columns of values.",
            why=f"The model takes {takes}; a column {preprocessing.label_column!r} is taken for labels.",
            fix="Delete the other columns, or name the labels' in [preprocess]: label_column.",
        )
    if all(_is_number(name) for name in columns):
        raise SamplesDoNotFitError(
            f"{path} has numbers in its first row.",
            why="The first row names the columns; this one would be lost as a sample.",
            fix="Put a row of names above it.",
        )


def _labels(
    cells: Sequence[str],
) -> tuple[NDArray[np.int64] | NDArray[np.float64], tuple[str, ...]]:
    stripped = [cell.strip() for cell in cells]
    if all(re.fullmatch(r"[0-9]{1,9}", cell) for cell in stripped):
        return np.array([int(cell) for cell in stripped], np.int64), ()
    if all(_is_number(cell) for cell in stripped):
        return np.array([float(cell) for cell in stripped]), ()
    classes = tuple(sorted(set(stripped)))
    number = {name: index for index, name in enumerate(classes)}
    return np.array([number[cell] for cell in stripped], np.int64), classes


def _value(cell: str, path: Path, line: int, column: str) -> float:
    try:
        return float(cell)
    except ValueError as error:
        raise _unreadable(
            path,
            f"Line {line}, column {column!r}: {cell[:40]!r} is no number",
            "Correct it, or delete the row or the column.",
        ) from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _unreadable(path: Path, why: str, fix: str) -> SamplesUnreadableError:
    return SamplesUnreadableError(f"{path} cannot be read as a table.", why=f"{why}.", fix=fix)

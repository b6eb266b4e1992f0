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
    from _csv import Reader
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
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            return _read(
                path,
                csv.reader(file, delimiter=max(",;\t", key=first.count), strict=True),
                tensors,
                preprocessing,
            )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _unreadable(path, f"{reason}", "Save it again as a CSV in UTF-8.") from error


def _read(path: Path, reader: Reader, tensors: Sequence[InputTensor], preprocessing: Preprocessing) -> Loaded:
    header = [cell.strip() for cell in next(reader, [])]
    position = header.index(preprocessing.label_column) if preprocessing.label_column in header else None
    columns = [name for index, name in enumerate(header) if index != position]
    rows: list[NDArray[np.float64]] = []
    label_cells: list[str] = []
    names: list[str] = []
    for row in filter(None, reader):
        if not rows:
            _check_columns(path, columns, tensors, preprocessing)
        check_size(len(rows) + 1, tensors, str(path))
        _check_length(path, reader.line_num, row, header)
        cells = row if position is None else row[:position] + row[position + 1 :]
        values = [
            _value(cell, path, reader.line_num, name) for cell, name in zip(cells, columns, strict=True)
        ]
        rows.append(np.array(values))
        names.append(f"line {reader.line_num}")
        if position is not None:
            label_cells.append(row[position].strip())
    if not rows:
        raise SamplesNotFoundError(
            f"{path} holds no sample.",
            why="It has no row below the names of the columns.",
            fix="Give one row for each sample, below a row of names.",
        )
    labels, classes = _labels(label_cells) if position is not None else (None, ())
    shaped = np.stack(rows).reshape(-1, *tensors[0].shape[1:])
    return Loaded(inputs=(shaped,), labels=labels, names=tuple(names), classes=classes, is_raw=True)


def _check_length(path: Path, line: int, row: Sequence[str], header: Sequence[str]) -> None:
    if len(row) != len(header):
        raise _unreadable(
            path,
            f"Line {line} has {len(row)} cells, and the first row names {len(header)} columns",
            "Correct that line.",
        )


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
    if all(re.fullmatch(r"[0-9]{1,9}", cell) for cell in cells):
        return np.array([int(cell) for cell in cells], np.int64), ()
    if all(_is_number(cell) for cell in cells):
        return np.array([float(cell) for cell in cells]), ()
    classes = tuple(sorted(set(cells)))
    number = {name: index for index, name in enumerate(classes)}
    return np.array([number[cell] for cell in cells], np.int64), classes


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

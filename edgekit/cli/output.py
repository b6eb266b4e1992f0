"""How a verb shows what it has: one JSON document or tables on stdout, progress on stderr."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Progress = Callable[[str, float | None], None]


def emit_json(document: Any) -> None:
    """Write the one JSON document of a run to stdout. Frozen values and paths are written as they are.

    JSON has no number that is not finite: such a float is written as a string, "NaN" or "Infinity". A verb
    that then fails a check leaves with `ctx.exit(code)`: an exception would write a second one.
    """
    text = json.dumps(document, default=_plain, indent=2, ensure_ascii=False)
    if "NaN" in text or "Infinity" in text:
        text = json.dumps(json.loads(text, parse_constant=str), indent=2, ensure_ascii=False)
    click.echo(text)


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    right: Iterable[int] = (),
    shorten: int | None = None,
) -> None:
    """Print a table to stdout.

    Args:
        headers: of the columns.
        rows: what is in them; None is an empty cell.
        title: a line above.
        right: the columns to align right (numbers).
        shorten: the column whose words a narrow terminal cuts short, so that the others stay on one
            line; without it, all are folded.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    aligned = set(right)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for position, header in enumerate(headers):
        grid.add_column(
            header,
            justify="right" if position in aligned else "left",
            # Nothing is cut without a "…": half a number would be a wrong one.
            overflow="fold" if shorten is None else "ellipsis",
            no_wrap=shorten is not None and position != shorten,
        )
    for row in rows:
        # Text, so that a name like "[deploy]" is not taken for markup.
        grid.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200  # a file or a pipe has no width; never wrap what a script will read
    if title is not None:
        console.print(Text(title, style="italic"))  # not the grid's: one wider than that would be folded
    console.print(grid)


def short_name(name: str, width: int = 36) -> str:
    """A tensor's name as a table shows it.

    Converters join the names of all that they fused with semicolons; the first one tells the layer.
    """
    first = name.partition(";")[0]
    return first if len(first) <= width else "…" + first[1 - width :]


def note(message: str) -> None:
    """A line for people, on stderr."""
    click.echo(message, err=True)


@contextlib.contextmanager
def progress(*, quiet: bool = False) -> Iterator[Progress]:
    """A progress callback for a verb: a bar with time left on a terminal, one line a stage elsewhere.

    Args:
        quiet: show nothing (with --json, when stderr is not a terminal, nothing is lost by it).
    """
    import sys

    if quiet:
        yield lambda stage, fraction: None  # noqa: ARG005
    elif sys.stderr.isatty():
        with _bar() as callback:
            yield callback
    else:
        yield _lines()


def _lines() -> Progress:
    last = ""

    def show(stage: str, fraction: float | None) -> None:
        nonlocal last
        # At the end the verb's own output says that it is done.
        if stage != last and fraction != 1.0:
            note(stage)
            last = stage

    return show


@contextlib.contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None)

        def show(stage: str, fraction: float | None) -> None:
            if fraction is None:
                bars.update(task, description=stage, total=None)
            else:
                bars.update(task, description=stage, total=1.0, completed=fraction)

        yield show


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if hasattr(value, "tolist"):  # numpy's scalars and arrays, without importing numpy
        return value.tolist()
    if hasattr(value, "items"):  # a read-only mapping
        return dict(value.items())
    raise TypeError(f"{type(value).__name__} has no form in JSON")

"""edgekit inspect: what a model consists of, what it costs, and what of it cannot be built."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.options import PATH, json_option
from edgekit.cli.output import emit_json, short_name, table

if TYPE_CHECKING:
    from edgekit.verbs.inspect import (
        Inspection,
        PlannedBlock,
        PlannedMemory,
        ProblemSummary,
        TensorSummary,
    )

_SHOWN_PROBLEMS = 8
_MAP_WIDTH = 48  # letters that an arena is drawn in
_MADE, _HELD, _FREE = "█", "▒", "·"


@click.command(
    "inspect",
    epilog="\b\nExamples:\n  edgekit inspect model.tflite\n  edgekit inspect\n"
    "  edgekit inspect --recipe keyword-spotting\n"
    "  edgekit inspect model.tflite --json | jq .macs\n"
    "  edgekit inspect build/model/cortex-m4",
)
@click.argument("model", required=False, type=PATH)
@click.option("--recipe", metavar="NAME", help="Inspect the model that a recipe names.")
@json_option
def command(model: Path | None, recipe: str | None, as_json: bool) -> None:
    """Show the operators of MODEL (a .tflite file, or the model of edgekit.toml), their shapes and cost.

    Models that cannot be built are shown too, with every reason why. Activations are a prediction;
    'edgekit build' plans them exactly. Of a bundle's folder the plan is shown too: what lies where in
    its arena, and how full it is in each step.
    """
    from edgekit.verbs.inspect import inspect

    found = inspect(_source(model, recipe))
    if as_json:
        emit_json(dataclasses.asdict(found) | {"can_be_built": found.can_be_built})
    else:
        _show(found)


def _source(model: Path | None, recipe: str | None) -> Path:
    """The file that is meant: MODEL, that of a recipe, or the project's."""
    from edgekit.project import find_project
    from edgekit.recipe import fetch_model, load_recipe

    if model is not None and recipe is not None:
        raise click.UsageError("MODEL and --recipe name two models; give one of them.")
    if model is None and recipe is None:
        project = find_project(Path.cwd())
        if project is None:
            raise click.UsageError("No model: give MODEL or --recipe, or run 'edgekit init' in this folder.")
        model, recipe = project.model, project.recipe
    if recipe is not None:
        return fetch_model(load_recipe(recipe))
    assert model is not None  # a project has one or the other
    return model


def _show(found: Inspection) -> None:
    rows = [
        (
            operator.index,
            operator.kind,
            " ".join(_shape(tensor) for tensor in operator.inputs),
            " ".join(_shape(tensor) for tensor in operator.outputs),
            f"{operator.macs:,}" if operator.macs else "",
            f"{operator.constant_bytes:,}" if operator.constant_bytes else "",
            "yes" if operator.can_be_built else "no",
        )
        for operator in found.operators
    ]
    headers = ("#", "operator", "inputs", "outputs", "MACs", "constants", "builds")
    table(headers, rows, right=(0, 4, 5))
    click.echo()
    table(("", found.name), _summary(found))
    if found.memory is not None:
        click.echo()
        _show_memory(found.memory)
    for problem in found.problems[:_SHOWN_PROBLEMS]:
        click.echo(f"\n{_sentence(problem)}")
    if len(found.problems) > _SHOWN_PROBLEMS:
        click.echo(f"\n… and {len(found.problems) - _SHOWN_PROBLEMS} more; --json lists them all.")


def _summary(found: Inspection) -> list[tuple[str, str]]:
    rows = [("input", _described(tensor)) for tensor in found.inputs]
    rows += [("output", _described(tensor)) for tensor in found.outputs]
    rows += [("state", f"{each.name} {each.dtype}{list(each.shape)}") for each in found.variables]
    rows += [
        ("MACs", f"{found.macs:,}"),
        ("constants", f"{found.constant_bytes:,} bytes"),
        ("activations", f"{found.activation_peak_bytes:,} bytes at once (predicted)"),
        ("state", f"{found.state_bytes:,} bytes"),
        ("file", f"{found.file_bytes:,} bytes, sha256 {found.digest}"),
        ("can be built", "yes" if found.can_be_built else f"no, for {len(found.problems)} reasons:"),
    ]
    return rows


def _show_memory(memory: PlannedMemory) -> None:
    """The arena step by step as a picture, then every block of it. Bands that look alike are one row."""
    alike: dict[tuple[str, ...], list[int]] = {}
    for number, step in enumerate(memory.steps):
        row = (
            f"{step.operator}: {step.kind}",
            short_name(step.output, 24),
            f"{step.arena_bytes:,}",
            f"{step.arena_bytes / memory.arena_bytes:.0%}",
            _picture(memory, number),
        )
        alike.setdefault(row, []).append(number)
    rows = [(_steps(numbers), *row) for row, numbers in alike.items()]
    title = (
        f"the arena for {memory.target}: {memory.arena_bytes:,} bytes (no plan needs less than "
        f"{memory.bound_bytes:,}), and {memory.state_bytes:,} of state; {_MADE} made then, {_HELD} held"
    )
    table(
        ("step", "operator", "output", "taken", "full", f"0 … {memory.arena_bytes:,}"),
        rows,
        title=title,
        right=(0, 3, 4),
        shorten=2,
    )
    click.echo()
    blocks = [
        (
            f"{block.offset:,}",
            f"{block.offset + block.bytes:,}",
            f"{block.bytes:,}",
            ("rows of " if block.rows_only else "") + short_name(block.name),
            "given" if block.first_step < 0 else _steps(numbers),
            "left" if block.last_step == len(memory.steps) else block.last_step,
        )
        for block, numbers in _blocks(memory)
    ]
    headers = ("from", "to", "bytes", "what", "first step", "last step")
    table(headers, blocks, right=(0, 1, 2, 4, 5), shorten=3)


def _blocks(memory: PlannedMemory) -> list[tuple[PlannedBlock, list[int]]]:
    """Blocks and the steps that make them; what lies where another lay in a band before is told with it."""
    alike: dict[tuple[object, ...], list[PlannedBlock]] = {}
    for block in memory.blocks:
        lasting = block.last_step - block.first_step
        alike.setdefault((block.name, block.offset, block.bytes, lasting), []).append(block)
    return [(same[0], [block.first_step for block in same]) for same in alike.values()]


def _steps(numbers: list[int]) -> str:
    """The first of some steps and how many more there are."""
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} and {len(numbers) - 1} like it"


def _picture(memory: PlannedMemory, step: int) -> str:
    """What of the arena a step takes: a letter for each part of it."""
    letters = [_FREE] * _MAP_WIDTH
    taken = [block for block in memory.blocks if block.first_step <= step <= block.last_step]
    for block in sorted(taken, key=lambda block: block.first_step):
        begin, end = _cells(block, memory.arena_bytes)
        letters[begin:end] = [_MADE if block.first_step == step else _HELD] * (end - begin)
    return "".join(letters)


def _cells(block: PlannedBlock, arena_bytes: int) -> tuple[int, int]:
    """The letters that a block is drawn in, half open; one at least."""
    begin = min(block.offset * _MAP_WIDTH // arena_bytes, _MAP_WIDTH - 1)
    return begin, max(begin + 1, -(-(block.offset + block.bytes) * _MAP_WIDTH // arena_bytes))


def _shape(tensor: TensorSummary) -> str:
    return f"{tensor.dtype}{list(tensor.shape)}"


def _described(tensor: TensorSummary) -> str:
    scale = "" if tensor.scale is None else f", scale {tensor.scale:g}, zero point {tensor.zero_point}"
    return f"{tensor.name} {_shape(tensor)}{scale}"


def _sentence(problem: ProblemSummary) -> str:
    return f"{problem.what}\n  why: {problem.why}\n  fix: {problem.fix}"

"""edgekit inspect: what a model consists of, what it costs, and what of it cannot be built."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.options import PATH, json_option
from edgekit.cli.output import emit_json, table

if TYPE_CHECKING:
    from edgekit.verbs.inspect import Inspection, ProblemSummary, TensorSummary

_SHOWN_PROBLEMS = 8


@click.command(
    "inspect",
    epilog="\b\nExamples:\n  edgekit inspect model.tflite\n  edgekit inspect\n"
    "  edgekit inspect --recipe keyword-spotting\n"
    "  edgekit inspect model.tflite --json | jq .macs",
)
@click.argument("model", required=False, type=PATH)
@click.option("--recipe", metavar="NAME", help="Inspect the model that a recipe names.")
@json_option
def command(model: Path | None, recipe: str | None, as_json: bool) -> None:
    """Show the operators of MODEL (a .tflite file, or the model of edgekit.toml), their shapes and cost.

    Models that cannot be built are shown too, with every reason why. Activations are a prediction;
    'edgekit build' plans them exactly.
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


def _shape(tensor: TensorSummary) -> str:
    return f"{tensor.dtype}{list(tensor.shape)}"


def _described(tensor: TensorSummary) -> str:
    scale = "" if tensor.scale is None else f", scale {tensor.scale:g}, zero point {tensor.zero_point}"
    return f"{tensor.name} {_shape(tensor)}{scale}"


def _sentence(problem: ProblemSummary) -> str:
    return f"{problem.what}\n  why: {problem.why}\n  fix: {problem.fix}"

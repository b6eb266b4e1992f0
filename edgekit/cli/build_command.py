"""edgekit build: from a .tflite file to a bundle."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli.options import PATH, json_option
from edgekit.cli.output import emit_json, note, progress, table

if TYPE_CHECKING:
    from edgekit.project import Budgets, Project


@click.command(
    "build",
    epilog="\b\nExamples:\n  edgekit build --target rpi4\n  edgekit build model.tflite --target rpi4\n"
    "  edgekit build --recipe keyword-spotting --target rpi4\n"
    "  edgekit build model.tflite --target host --max-ram 65536 --json\n"
    "  edgekit build model.tflite --target host --tune-minutes 10",
)
@click.argument("model", required=False, type=PATH)
@click.option("--target", metavar="NAME", help="A target's name or file; 'edgekit targets' lists them.")
@click.option("--recipe", metavar="NAME", help="Build the model that a recipe names.")
@click.option("--name", help="What to call the model; its file's name by default.")
@click.option("--output", type=PATH, metavar="DIR", help="Root of the build folders; 'build' by default.")
@click.option("--max-ram", type=click.IntRange(1), metavar="BYTES", help="Fail if arena and state need more.")
@click.option("--max-flash", type=click.IntRange(1), metavar="BYTES", help="Fail if the library is larger.")
@click.option(
    "--trials", type=click.IntRange(1), metavar="N", help="Tune before: measure so many candidates."
)
@click.option("--tune-minutes", type=float, metavar="M", help="Tune before, for so many minutes.")
@click.option("--executor", metavar="WHERE", help="What builds candidates; see 'edgekit tune --help'.")
@click.option("--dump", type=PATH, metavar="DIR", help="Write the value after every stage there, as text.")
@json_option
def command(
    model: Path | None,
    target: str | None,
    recipe: str | None,
    name: str | None,
    output: Path | None,
    max_ram: int | None,
    max_flash: int | None,
    trials: int | None,
    tune_minutes: float | None,
    executor: str | None,
    dump: Path | None,
    as_json: bool,
) -> None:
    """Build MODEL (a full-integer .tflite file) for a target, into build/<model>/<target>.

    What is not given comes from edgekit.toml in this folder.
    """
    from edgekit.project import find_project
    from edgekit.verbs.build import build

    project = find_project(Path.cwd())
    path, default_name, default_target = _source(model, recipe, project)
    with progress(quiet=as_json) as show:
        bundle = build(
            path,
            target=_target(target, default_target),
            output=output or (project.output if project else Path("build")),
            name=name or default_name,
            budgets=_budgets(max_ram, max_flash, project),
            trials=trials,
            tune_minutes=tune_minutes,
            executor=executor,
            dump=dump,
            progress=show,
        )
    if as_json:
        emit_json({"path": bundle.path, "manifest": bundle.manifest})
    else:
        _show(bundle.path, bundle.manifest)


def _source(
    model: Path | None, recipe: str | None, project: Project | None
) -> tuple[Path, str | None, str | None]:
    """The model's file, and the name and target that come with it."""
    if model is not None and recipe is not None:
        raise click.UsageError("MODEL and --recipe name two models; give one of them.")
    if model is None and recipe is None:
        if project is None:
            raise click.UsageError("No model: give MODEL or --recipe, or run 'edgekit init' in this folder.")
        model, recipe = project.model, project.recipe
    own = project is not None and (model, recipe) == (project.model, project.recipe)
    name, target = (project.name, project.target) if own and project is not None else (None, None)
    if recipe is None:
        assert model is not None
        return model, name, target or (project.target if project else None)
    from edgekit.recipe import fetch_model, load_recipe

    chosen = load_recipe(recipe)
    return fetch_model(chosen), name or chosen.name, target or chosen.target


def _target(given: str | None, default: str | None) -> str:
    chosen = given or default
    if chosen is None:
        raise click.UsageError("No target: give --target; 'edgekit targets' lists them.")
    return chosen


def _budgets(max_ram: int | None, max_flash: int | None, project: Project | None) -> Budgets:
    from edgekit.project import Budgets

    budgets = project.budgets if project else Budgets()
    if max_ram is not None:
        budgets = dataclasses.replace(budgets, max_ram_bytes=max_ram)
    return budgets if max_flash is None else dataclasses.replace(budgets, max_flash_bytes=max_flash)


_RECORDS_OF = {"board": "a board", "machine": "a machine like this", "emulator": "an emulator (instructions)"}


def _tuned(tuning: Any) -> str:
    """The share of the work that was measured, and where."""
    parts = [
        f"{share:.0%} by records of {_RECORDS_OF.get(source, source)}"
        for source, share in tuning["by"].items()
    ]
    nearest = sum(tuning["nearest_by"].values())
    parts += [f"{nearest:.0%} by the nearest tuned shape"] if nearest else []
    return f"{tuning['tuned_share']:.0%} of the work" + (f": {', '.join(parts)}" if parts else "")


def _show(path: Path, manifest: Any) -> None:
    memory, golden = manifest["memory"], manifest["golden"]
    parts = f"{memory['code_bytes']:,} code, {memory['weight_bytes']:,} weights"
    checked = f"{golden['vectors']} vectors of {golden['oracle']}"
    rows = [
        ("model", manifest["model"]["name"]),
        ("target", f"{manifest['target']['name']} ({manifest['target']['cpu']})"),
        ("library", f"{memory['library_bytes']:,} bytes: {parts}"),
        ("arena", f"{memory['arena_bytes']:,} bytes, and {memory['state_bytes']:,} of state"),
        ("work", f"{manifest['macs']:,} multiply-accumulates in {len(manifest['operators'])} steps"),
        ("tuned", _tuned(manifest["tuning"])),
        ("golden", checked if golden["checked"] else "not checked"),
        ("bundle", str(path)),
    ]
    table(("built", ""), rows)
    if not golden["checked"]:
        note(f"Nothing proves this build bit-exact: {golden['unchecked']}")

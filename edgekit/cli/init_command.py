"""edgekit init: write a project file."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.options import EXISTING_FILE, json_option
from edgekit.cli.output import emit_json, note

_EXAMPLES = """\b
Examples:
  edgekit init model.tflite --target rpi4
  edgekit init --recipe keyword-spotting
"""


@click.command("init", epilog=_EXAMPLES)
@click.argument("model", required=False, type=EXISTING_FILE)
@click.option("--recipe", metavar="NAME", help="Use the trained model of a recipe instead of a file.")
@click.option("--target", metavar="NAME", help="Target to build for; the recipe's, or rpi4, by default.")
@click.option("--force", is_flag=True, help="Replace a project file that is already here.")
@json_option
def command(model: Path | None, recipe: str | None, target: str | None, force: bool, as_json: bool) -> None:
    """Write an edgekit.toml into this folder, so that the other verbs need no arguments.

    MODEL is a .tflite file; without it, the only one in this folder is taken.
    """
    from edgekit.verbs.init import init

    if model is not None and recipe is not None:
        raise click.UsageError("MODEL and --recipe name two models; give one of them.")
    project = init(
        Path.cwd(),
        model=model.absolute() if model is not None else None,
        recipe=recipe,
        target=target,
        overwrite=force,
    )
    if as_json:
        emit_json({"project": project})
    else:
        source = project.model if project.model is not None else f"the recipe {project.recipe}"
        note(f"Wrote {project.path}: builds {source} for {project.target}.\nNext: edgekit build")

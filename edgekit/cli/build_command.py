"""edgekit build: from a model to a bundle."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli.calibration import calibration_of, calibration_options
from edgekit.cli.options import PATH, NamedChoice, device_options, json_option
from edgekit.cli.output import emit_json, note, progress, table
from edgekit.cli.quantized import show_findings, source_rows
from edgekit.devices.choice import DeviceChoice

if TYPE_CHECKING:
    from edgekit.project import Budgets, Project
    from edgekit.verbs.build_fastest import Choice


@click.command(
    "build",
    epilog="\b\nExamples:\n  edgekit build --target rpi4\n  edgekit build model.tflite --target rpi4\n"
    "  edgekit build net.keras --calibration samples/ --target rpi4\n"
    "  edgekit build --recipe keyword-spotting --target rpi4\n"
    "  edgekit build model.tflite --target host --max-ram 65536 --json\n"
    "  edgekit build model.tflite --target host --tune-minutes 10\n"
    "  edgekit build model.tflite --target rpi4 --tune-minutes 10 --host pi.local\n"
    "  edgekit build model.tflite --target rpi4 --engine auto --host pi.local\n"
    "  edgekit build model.tflite --target cortex-m4 --max-ram 65536 --patches auto",
)
@click.argument("model", required=False, type=PATH)
@click.option("--target", metavar="NAME", help="A target's name or file; 'edgekit targets' lists them.")
@click.option("--recipe", metavar="NAME", help="Build the model that a recipe names.")
@calibration_options
@click.option("--name", help="What to call the model; its file's name by default.")
@click.option("--output", type=PATH, metavar="DIR", help="Root of the build folders; 'build' by default.")
@click.option("--max-ram", type=click.IntRange(1), metavar="BYTES", help="Fail if arena and state need more.")
@click.option(
    "--max-flash",
    type=click.IntRange(1),
    metavar="BYTES",
    help="Fail if the library, or a firmware's code and weights, are larger.",
)
@click.option(
    "--max-instructions",
    type=click.IntRange(1),
    metavar="N",
    help="Fail if an invocation executes more, counted on the emulated microcontroller.",
)
@click.option(
    "--patches",
    type=click.Choice(["off", "auto"]),
    default="off",
    show_default=True,
    help="On microcontrollers: auto may run the first layers band by band and take floats from the edges, "
    "as far as --max-ram or the board's RAM ask for it; as far as it helps where nothing does.",
)
@click.option(
    "--interface",
    type=click.Choice(["file", "integer"]),
    help="On microcontrollers: inputs and outputs as in the file, or integers where the file has floats. "
    "Default: as in the file; with --patches auto whatever needs less memory.",
)
@click.option(
    "--trials", type=click.IntRange(1), metavar="N", help="Tune before: measure so many candidates."
)
@click.option("--tune-minutes", type=float, metavar="M", help="Tune before, for so many minutes.")
@click.option("--executor", metavar="WHERE", help="What builds candidates; see 'edgekit tune --help'.")
@click.option(
    "--engine",
    type=NamedChoice(["edgekit", "litert", "auto"]),
    default="edgekit",
    show_default=True,
    help="What runs the model there; auto races the two on the device and ships the faster.",
)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="In the race of auto.")
@device_options
@click.option("--dump", type=PATH, metavar="DIR", help="Write the value after every stage there, as text.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    model: Path | None,
    target: str | None,
    recipe: str | None,
    name: str | None,
    output: Path | None,
    max_ram: int | None,
    max_flash: int | None,
    max_instructions: int | None,
    patches: str,
    interface: str | None,
    trials: int | None,
    tune_minutes: float | None,
    executor: str | None,
    engine: str,
    threads: int,
    device: DeviceChoice,
    dump: Path | None,
    as_json: bool,
    **quantizing: Any,
) -> None:
    """Build MODEL for a target, into build/<model>/<target>. MODEL is a full-integer .tflite file; or, with
    --calibration, a float one, a .keras or .h5 file or a SavedModel's folder, which is quantized first.

    What is not given comes from edgekit.toml in this folder. The device options say where to tune and
    where the race of --engine auto is run; nothing else is done there.
    """
    from edgekit.artifacts import Engine
    from edgekit.project import find_project
    from edgekit.search.thrift import Interface, Patches, Thrift
    from edgekit.verbs.build import build
    from edgekit.verbs.build_fastest import build_fastest

    _refuse_idle(context, tunes=trials is not None or tune_minutes is not None, races=engine == "auto")
    project = find_project(Path.cwd())
    path, default_name, default_target = _source(model, recipe, project)
    given: dict[str, Any] = {
        "target": _target(target, default_target),
        "calibration": calibration_of(
            quantizing, project, projects_model=project is not None and path == project.model
        ),
        "output": output or (project.output if project else Path("build")),
        "name": name or default_name,
        "budgets": _budgets(max_ram, max_flash, max_instructions, project),
        "trials": trials,
        "tune_minutes": tune_minutes,
        "executor": executor,
        "device": device,
        "dump": dump,
    }
    choice = None
    with progress(quiet=as_json) as show:
        if engine == "auto":
            choice = build_fastest(path, threads=threads, progress=show, **given)
            bundle = choice.bundle
        else:
            thrift = Thrift(Patches(patches), None if interface is None else Interface(interface))
            bundle = build(path, engine=Engine(engine), thrift=thrift, progress=show, **given)
    if as_json:
        emit_json({"path": bundle.path, "manifest": bundle.manifest, "choice": _choice(choice)})
        return
    _show(bundle.path, bundle.manifest)
    show_findings(bundle.manifest.get("quantization"))
    if choice is not None:
        note(choice.why)
        for loss in choice.given_up:
            note(f"given up: {loss}")


def _refuse_idle(context: click.Context, *, tunes: bool, races: bool) -> None:
    """Options that would do nothing are mistakes: whoever gives --host wants something done there."""
    from click.core import ParameterSource

    given = {n for n in context.params if context.get_parameter_source(n) is ParameterSource.COMMANDLINE}
    if "executor" in given and not tunes:
        raise click.UsageError("--executor builds what is tuned; give --trials or --tune-minutes too.")
    if "threads" in given and not races:
        raise click.UsageError(
            "--threads is for the race of --engine auto; a build runs with as many threads as it is asked to "
            "when it runs."
        )
    if given & {"patches", "interface"} and races:
        raise click.UsageError("--patches and --interface are for microcontrollers, where there is no race.")
    idle = sorted(given & {field.name for field in dataclasses.fields(DeviceChoice)})
    if idle and not (tunes or races):
        raise click.UsageError(
            f"--{idle[0].replace('_', '-')} does nothing here: a build needs no device. Give --tune-minutes, "
            "--trials or --engine auto too, or deploy the build there with 'edgekit deploy'."
        )


def _choice(choice: Choice | None) -> Any:
    """Of `--engine auto`: what was chosen, and why."""
    if choice is None:
        return None
    return {"engine": choice.engine, "why": choice.why, "given_up": choice.given_up, "race": choice.race}


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


def _budgets(
    max_ram: int | None, max_flash: int | None, max_instructions: int | None, project: Project | None
) -> Budgets:
    from edgekit.project import Budgets

    given = {"max_ram_bytes": max_ram, "max_flash_bytes": max_flash, "max_instructions": max_instructions}
    budgets = project.budgets if project else Budgets()
    return dataclasses.replace(budgets, **{key: value for key, value in given.items() if value is not None})


_SHOWN_TENSORS, _SHOWN_LETTERS = 3, 24  # of a peak; of the names, the ends
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


def _tensor(tensor: Any) -> str:
    """The end of a tensor's name, or of the first where a converter joined several; and its bytes."""
    name = tensor["name"].partition(";")[0][-_SHOWN_LETTERS:]
    return f"{'rows of ' if tensor['rows_only'] else ''}{name} {tensor['bytes']:,}"


def _peak(peak: Any) -> str:
    """The operator that decides the arena's size, and its largest tensors."""
    if peak is None:
        return "nothing is computed"
    parts = [_tensor(each) for each in peak["tensors"][:_SHOWN_TENSORS]]
    parts += [f"scratch {peak['scratch_bytes']:,}"] if peak["scratch_bytes"] else []
    return f"{peak['needed_bytes']:,} bytes in {peak['operator']}: {peak['kind']} ({', '.join(parts)})"


def _show(path: Path, manifest: Any) -> None:
    if manifest["engine"] == "litert":
        _show_litert(path, manifest)
        return
    memory, golden = manifest["memory"], manifest["golden"]
    parts = f"{memory['code_bytes']:,} code, {memory['weight_bytes']:,} weights"
    checked = f"{golden['vectors']} vectors of {golden['oracle']}"
    rows = [
        ("model", manifest["model"]["name"]),
        *source_rows(manifest.get("quantization")),
        ("target", f"{manifest['target']['name']} ({manifest['target']['cpu']})"),
        ("flash" if "firmware" in manifest else "library", f"{memory['library_bytes']:,} bytes: {parts}"),
        ("arena", f"{memory['arena_bytes']:,} bytes, and {memory['state_bytes']:,} of state"),
        ("peak", _peak(memory["peak"])),
        ("work", f"{manifest['macs']:,} multiply-accumulates in {len(manifest['operators'])} steps"),
        ("tuned", _tuned(manifest["tuning"])),
        ("golden", checked if golden["checked"] else "not checked"),
        ("bundle", str(path)),
    ]
    table(("built", ""), rows)
    if manifest["interface"] == "integer":
        note("Inputs and outputs are integers where the model's file has floats: see the bundle's manifest.")
    if not golden["checked"]:
        note(f"Nothing proves this build bit-exact: {golden['unchecked']}")


def _show_litert(path: Path, manifest: Any) -> None:
    golden = manifest["golden"]
    checked = f"{golden['vectors']} vectors of {golden['oracle']}, within {golden['tolerance_steps']:g} steps"
    rows = [
        ("model", manifest["model"]["name"]),
        *source_rows(manifest.get("quantization")),
        ("target", f"{manifest['target']['name']} ({manifest['target']['cpu']})"),
        ("engine", "LiteRT, which must be on the device"),
        ("model file", f"{manifest['memory']['library_bytes']:,} bytes"),
        ("arena", "not told by LiteRT"),
        ("work", f"{manifest['macs']:,} multiply-accumulates in {len(manifest['operators'])} operators"),
        ("golden", checked if golden["checked"] else "not checked"),
        ("bundle", str(path)),
    ]
    table(("built", ""), rows)
    note("The engine is LiteRT: its answers are not bit-exact to the oracle.")
    if not golden["checked"]:
        note(f"Nothing holds its answers on the device to any here: {golden['unchecked']}")

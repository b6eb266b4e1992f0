"""edgekit tune: measure what a model's kernels could be, and keep it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.options import PATH, device_options, json_option
from edgekit.cli.output import emit_json, note, progress, table

if TYPE_CHECKING:
    from edgekit.devices.choice import DeviceChoice
    from edgekit.search.tuning import TuneReport


@click.command(
    "tune",
    epilog="\b\nExamples:\n  edgekit tune model.tflite --target host\n"
    "  edgekit tune model.tflite --target rpi4 --host pi.local --minutes 20\n"
    "  edgekit tune model.tflite --target rpi4 --emulated --trials 200\n"
    "  edgekit tune model.tflite --target cortex-m4\n"
    "  edgekit tune model.tflite --target host --executor tcp://scheduler:8786\n"
    "  edgekit tune --export records.jsonl\n  edgekit tune --import records.jsonl",
)
@click.argument("model", required=False, type=PATH)
@click.option("--target", metavar="NAME", help="A target's name or file; 'edgekit targets' lists them.")
@click.option("--trials", type=click.IntRange(1), metavar="N", help="Measure so many candidates at most.")
@click.option("--minutes", type=float, metavar="M", help="Stop after so many minutes.")
@click.option(
    "--executor",
    metavar="WHERE",
    help="Build candidates there: MODULE:FACTORY of a concurrent.futures executor, or a Dask "
    "scheduler's address. A process per core by default.",
)
@click.option("--store", type=PATH, metavar="FILE", help="Keep scores there; in your own store by default.")
@click.option("--export", "export_to", type=PATH, metavar="FILE", help="Write the store as text instead.")
@click.option("--import", "import_from", type=PATH, metavar="FILE", help="Add an exported text instead.")
@device_options
@json_option
@click.pass_context
def command(
    context: click.Context,
    model: Path | None,
    target: str | None,
    trials: int | None,
    minutes: float | None,
    executor: str | None,
    store: Path | None,
    export_to: Path | None,
    import_from: Path | None,
    device: DeviceChoice,
    as_json: bool,
) -> None:
    """Measure the candidates of MODEL's kernels on a device, for every later build.

    Without --host and --emulated it measures on this machine if it is like the target, else it counts
    instructions under QEMU, as always for microcontrollers. Ctrl-C keeps all that was measured; the same
    command goes on from there. What is not given comes from edgekit.toml in this folder.
    """
    from edgekit.project import find_project

    if export_to is not None or import_from is not None:
        _refuse_beside_records(context)
        return _move_records(export_to, import_from, store, as_json=as_json)
    project = find_project(Path.cwd())
    path = model or (project.model if project else None)
    name = target or (project.target if project else None)
    if path is None or name is None:
        raise click.UsageError("Give MODEL and --target, or run 'edgekit init' in this folder.")
    from edgekit.verbs.tune import tune

    try:
        with progress(quiet=as_json) as show:
            report = tune(
                path,
                target=name,
                device=device,
                trials=trials,
                minutes=minutes,
                executor=executor,
                store=store,
                progress=show,
            )
    except KeyboardInterrupt:
        note("What was measured is kept; the same command goes on from there.")
        raise
    if as_json:
        emit_json({**vars(report), "gain": report.gain})
    else:
        _show(report)
    return None


def _refuse_beside_records(context: click.Context) -> None:
    """Moving records measures nothing, so what says what to measure is a mistake."""
    from click.core import ParameterSource

    used = {"export_to", "import_from", "store", "as_json"}
    for parameter in context.command.params:
        name = parameter.name or ""
        if name not in used and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            shown = name.upper() if isinstance(parameter, click.Argument) else parameter.opts[0]
            raise click.UsageError(f"--export and --import measure nothing; leave {shown} out.")


def _move_records(
    export_to: Path | None, import_from: Path | None, store: Path | None, *, as_json: bool
) -> None:
    from edgekit.verbs.tune import export_records, import_records

    if export_to is not None and import_from is not None:
        raise click.UsageError("--export and --import are two things to do; give one of them.")
    if export_to is not None:
        count, what = export_records(export_to, store=store), f"records written to {export_to}"
    else:
        assert import_from is not None
        count, what = import_records(import_from, store=store), f"records read from {import_from}"
    if as_json:
        emit_json({"records": count})
    else:
        click.echo(f"{count:,} {what}")


def _show(report: TuneReport) -> None:
    rows = [
        (
            task.name,
            f"{task.macs:,}",
            f"{task.measured} of {task.candidates}",
            _number(task.untuned_score),
            _number(task.best_score),
            task.best,
        )
        for task in report.tasks
    ]
    headers = ("kernel", "MACs", "measured", f"untuned {report.unit}", f"best {report.unit}", "best")
    title = f"measured on {report.machine}"
    table(headers, rows, title=title, right=(1, 2, 3, 4), shorten=0)
    gain = "" if report.gain is None else f"; the best are {report.gain:.2f} times as fast as untuned"
    click.echo(f"{report.trials:,} candidates in {report.seconds:.0f} s{gain}")
    if report.unit == "instructions":
        click.echo("instructions are not time: records of a board will come before these")
    if not report.is_complete:
        click.echo("not all is measured: the same command goes on")


def _number(score: float | None) -> str | None:
    return None if score is None else f"{score:,.0f}"

"""edgekit bench: EdgeKit and LiteRT in turn on the same device and model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.measured import show_verdict, state_rows
from edgekit.cli.options import PATH, device_options, json_option
from edgekit.cli.output import emit_json, progress, table
from edgekit.errors import ExitCode

if TYPE_CHECKING:
    from edgekit.devices.choice import DeviceChoice
    from edgekit.measurement import Timing
    from edgekit.profile import InstructionRace, Race


@click.command(
    "bench",
    epilog="\b\nExamples:\n  edgekit bench model.tflite\n"
    "  edgekit bench model.tflite --target rpi4 --host pi.local --threads 4\n"
    "  edgekit bench build/kws/rpi4 --host pi.local --json\n"
    "  edgekit bench model.tflite --target rpi5 --emulated",
)
@click.argument("model", required=False, type=PATH)
@click.option("--target", metavar="NAME", help="Build for this target; this machine's by default.")
@device_options
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Of both engines.")
@click.option("--rounds", type=click.IntRange(1), help="Pairs to measure; 31 by default.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    model: Path | None,
    target: str | None,
    device: DeviceChoice,
    threads: int,
    rounds: int | None,
    as_json: bool,
) -> None:
    """Race EdgeKit against LiteRT (with XNNPACK, as many threads) on MODEL, a .tflite file or a build.

    Both run in one process on the device and are measured in turn. The ratio LiteRT / EdgeKit comes with
    its 95 % interval and a verdict on the measurement; inside the noise no winner is named. EdgeKit's
    answers are checked in the same run: where they are not the oracle's, the exit code is 3. On an
    emulated device the instructions that both execute are counted, which are no measure of time.
    """
    from edgekit.profile import Race
    from edgekit.project import find_project
    from edgekit.verbs.bench import bench

    project = find_project(Path.cwd())
    path = model or (project.model if project else None)
    if path is None:
        raise click.UsageError("No model: give MODEL, or run 'edgekit init' in this folder.")
    if target is not None and path.is_dir():
        raise click.UsageError(f"{path} is built for a target already; leave --target out.")
    default = project.target if project and model is None else None
    with progress(quiet=as_json) as show:
        found = bench(
            path,
            target=target or default or "host",
            device=device,
            threads=threads,
            rounds=rounds,
            progress=show,
        )
    timed = isinstance(found, Race)
    if as_json:
        emit_json({"unit": "nanoseconds" if timed else "instructions", "race": found})
    elif isinstance(found, Race):
        show_race(found)
    else:
        _show_instructions(found)
    if found.exact is False:
        context.exit(ExitCode.OUTPUTS_DIFFER)


def show_race(found: Race) -> None:
    """A race as tables, and who won in words."""
    threads = "1 thread" if found.threads == 1 else f"{found.threads} threads"
    title = f"{found.model} for {found.target} on {found.device}: {found.rounds} rounds, {threads}"
    rows = [
        ("EdgeKit", *_figures(found.edgekit)),
        (f"{found.litert_version}, {found.delegate}", *_figures(found.litert)),
    ]
    table(("engine", "median us", "middle half us", "fastest us"), rows, title=title, right=(1, 2, 3))
    ratio = found.ratio
    click.echo(f"LiteRT / EdgeKit: {ratio.middle:.3f}, 95 % interval {ratio.low:.3f} to {ratio.high:.3f}")
    click.echo(_outcome(found))
    _show_answers(found.exact)
    table(("machine", ""), state_rows(found.machine, found.before, found.after))
    show_verdict(found.assessment)


def _outcome(found: Race) -> str:
    match found.winner:
        case "edgekit":
            return f"EdgeKit is faster, by a factor of {found.ratio.middle:.2f}."
        case "litert":
            return (
                f"LiteRT is faster, by a factor of {1 / found.ratio.middle:.2f}. "
                "'edgekit tune' may change that; 'edgekit build --engine auto' ships the faster one."
            )
        case _:
            return "No winner: the difference is inside the noise, or the measurement is not to be used."


def _figures(timing: Timing) -> tuple[str, str, str]:
    middle = f"{timing.p25_ns / 1e3:,.2f} to {timing.p75_ns / 1e3:,.2f}"
    return f"{timing.median_ns / 1e3:,.2f}", middle, f"{timing.min_ns / 1e3:,.2f}"


def _show_instructions(found: InstructionRace) -> None:
    rows = [
        ("EdgeKit", f"{found.edgekit_instructions:,}", _per_mac(found.edgekit_instructions, found.macs)),
        (
            found.litert_version,
            f"{found.litert_instructions:,}",
            _per_mac(found.litert_instructions, found.macs),
        ),
    ]
    title = f"{found.model} for {found.target}: executed instructions of one run, 1 thread"
    table(("engine", "instructions", "per MAC"), rows, title=title, right=(1, 2))
    click.echo(f"LiteRT / EdgeKit: {found.ratio:.3f} of instructions, which are not time")
    click.echo(f"counted by {found.emulator}")
    _show_answers(found.exact)


def _show_answers(exact: bool | None) -> None:
    answers = {True: "the oracle's, every byte", False: "NOT the oracle's", None: "not checked: no oracle"}
    click.echo(f"EdgeKit's answers: {answers[exact]}")


def _per_mac(instructions: int, macs: int) -> str:
    return f"{instructions / macs:.2f}" if macs else ""

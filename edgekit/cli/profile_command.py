"""edgekit profile: where the time goes on a device, or the instructions on an emulated one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.measured import show_verdict, state_rows
from edgekit.cli.options import PATH, device_options, json_option, target_option, threads_option
from edgekit.cli.output import emit_json, progress, short_name, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.devices.choice import DeviceChoice
    from edgekit.profile import InstructionProfile, Profile, StepProfile


@click.command(
    "profile",
    epilog="\b\nExamples:\n  edgekit profile --host pi.local\n"
    "  edgekit profile --host pi.local --runs 200 --json\n"
    "  edgekit profile --host pi.local --threads 4\n"
    "  edgekit profile build/kws/rpi4 --emulated\n"
    "  edgekit profile --target cortex-m4",
)
@click.argument("bundle", required=False, type=PATH)
@target_option
@device_options
@click.option("--runs", type=click.IntRange(1), default=50, show_default=True, help="Runs that count.")
@click.option("--warmup", type=click.IntRange(0), default=10, show_default=True, help="Least runs before.")
@click.option("--deployed", is_flag=True, help="Time the release that serves there, not a copy of the build.")
@threads_option
@json_option
def command(
    bundle: Path | None,
    target: str | None,
    device: DeviceChoice,
    runs: int,
    warmup: int,
    deployed: bool,
    threads: int,
    as_json: bool,
) -> None:
    """Time every operator of BUNDLE on a device: median, spread and share.

    With --threads, each operator is timed with one thread too, and how much faster it became is shown.
    On an emulated device it counts the executed instructions instead, which are no measure of time.
    """
    from edgekit.profile import Profile
    from edgekit.verbs.builds import build_root
    from edgekit.verbs.profile import profile

    with progress(quiet=as_json) as show:
        found = profile(
            bundle,
            device=device,
            builds=build_root(Path.cwd()),
            target=target,
            warmup=warmup,
            runs=runs,
            deployed=deployed,
            threads=threads,
            progress=show,
        )
    measured = isinstance(found, Profile)
    if as_json:
        emit_json({"unit": "nanoseconds" if measured else "instructions", "profile": found})
    elif isinstance(found, Profile):
        _show_times(found)
        if found.threads < threads:
            click.echo("none of its steps is worth sharing: one thread runs it, whatever --threads says")
    else:
        _show_instructions(found)


def _show_times(found: Profile) -> None:
    rows: list[tuple[object, ...]] = [
        (
            step.index,
            step.kind,
            short_name(step.output),
            _microseconds(step.time.median_ns),
            _microseconds(step.time.mad_ns),
            *_alone(step, found.threads),
            f"{step.share:.1%}",
            f"{step.macs:,}",
            _mega(step.macs_per_second),
        )
        for step in found.steps
    ]
    total, rate = found.total, _mega(found.macs_per_second)
    rows.append(
        (
            "",
            "whole",
            "",
            _microseconds(total.median_ns),
            _microseconds(total.mad_ns),
            *_alone(found, found.threads),
            "",
            f"{found.macs:,}",
            rate,
        )
    )
    compared = () if found.threads == 1 else ("1 thread", "scaling")
    headers = ("#", "operator", "output", "median us", "+- us", *compared, "share", "MACs", "MMAC/s")
    title = f"{found.model} for {found.target} on {found.device}: {found.runs} runs after {found.warmup}"
    title += "" if found.threads == 1 else f", {found.threads} threads"
    table(headers, rows, title=title, right=(0, *range(3, len(headers))), shorten=2)
    click.echo(
        f"whole run: median {_microseconds(total.median_ns)} us, middle half "
        f"{_microseconds(total.p25_ns)} to {_microseconds(total.p75_ns)} us, "
        f"fastest {_microseconds(total.min_ns)} us"
    )
    if found.engine == "litert":
        click.echo("LiteRT tells no operator's time")
    table(("machine", ""), state_rows(found.machine, found.before, found.after))
    _show_memory(found.memory)
    show_verdict(found.assessment)


def _alone(timed: Profile | StepProfile, threads: int) -> tuple[str, ...]:
    """What one thread took, and the scaling, if there were more."""
    if threads == 1:
        return ()
    if timed.one_thread is None or timed.scaling is None:
        return "", ""
    return _microseconds(timed.one_thread.median_ns), f"{timed.scaling:.2f}x"


def _show_instructions(found: InstructionProfile) -> None:
    rows: list[tuple[object, ...]] = [
        (
            step.index,
            step.kind,
            short_name(step.output),
            f"{step.instructions:,}",
            f"{step.share:.1%}",
            f"{step.macs:,}",
            "" if step.instructions_per_mac is None else f"{step.instructions_per_mac:.2f}",
        )
        for step in found.steps
    ]
    per_mac = f"{found.total_instructions / found.macs:.2f}" if found.macs else ""
    rows.append(("", "whole", "", f"{found.total_instructions:,}", "", f"{found.macs:,}", per_mac))
    headers = ("#", "operator", "output", "instructions", "share", "MACs", "per MAC")
    title = f"{found.model} for {found.target}: executed instructions of one run"
    table(headers, rows, title=title, right=(0, 3, 4, 5, 6), shorten=2)
    click.echo(f"counted by {found.emulator}; instructions are not time")
    _show_memory(found.memory)


_MEMORY = {"bound_bytes": "least possible arena", "weight_bytes": "weights"}


def _show_memory(memory: Mapping[str, int | None]) -> None:
    rows = [
        (
            _MEMORY.get(name, name.removesuffix("_bytes")),
            "not told by LiteRT" if size is None else f"{size:,}",
        )
        for name, size in memory.items()
    ]
    table(("memory", "bytes"), rows, right=(1,))


def _microseconds(nanoseconds: float) -> str:
    return f"{nanoseconds / 1e3:,.2f}"


def _mega(rate: float | None) -> str:
    return "" if rate is None else f"{rate / 1e6:,.0f}"

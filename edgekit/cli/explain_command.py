"""edgekit explain: why is it slow, and what would help."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.measured import show_verdict
from edgekit.cli.options import PATH, device_options, json_option
from edgekit.cli.output import emit_json, progress, short_name, table

if TYPE_CHECKING:
    from edgekit.devices.choice import DeviceChoice
    from edgekit.profile import Explanation


@click.command(
    "explain",
    epilog="\b\nExamples:\n  edgekit explain --host pi.local\n  edgekit explain build/kws/host\n"
    "  edgekit explain --host pi.local --runs 200 --json",
)
@click.argument("bundle", required=False, type=PATH)
@device_options
@click.option("--runs", type=click.IntRange(1), default=50, show_default=True, help="Runs that count.")
@json_option
def command(bundle: Path | None, device: DeviceChoice, runs: int, as_json: bool) -> None:
    """Say why BUNDLE takes as long as it does on a device: ranked causes, and what each is worth.

    Worth is the share of one invocation's time with one thread that would be saved without the cause. It
    is measured, or marked as an estimate; docs/measuring.md has the formulas. An emulated device has no
    times to explain.
    """
    from edgekit.verbs.builds import build_root
    from edgekit.verbs.explain import explain

    with progress(quiet=as_json) as show:
        found = explain(bundle, device=device, builds=build_root(Path.cwd()), runs=runs, progress=show)
    if as_json:
        emit_json(found)
    else:
        _show(found)


def _show(found: Explanation) -> None:
    one_thread = f"{found.one_thread_ns / 1e3:,.1f} us with one thread"
    title = f"{found.model} for {found.target} on {found.device}: {one_thread}"
    rows = [
        (
            cause.name,
            "" if cause.worth_share is None else f"{cause.worth_share:.1%}",
            "" if cause.worth_ns is None else f"{cause.worth_ns / 1e3:,.1f}",
            cause.basis.value,
        )
        for cause in found.causes
    ]
    table(("cause", "worth", "us", "known by"), rows, title=title, right=(1, 2))
    for cause in found.causes:
        click.echo(f"{cause.name}: {cause.words}\n  fix: {cause.fix}")
    click.echo(
        "Causes overlap: what they are worth does not add up." if found.causes else "Nothing stands out."
    )
    _show_limits(found)
    show_verdict(found.profile.assessment)


def _show_limits(found: Explanation) -> None:
    multiply = found.roofline.multiply
    peak = (
        ""
        if multiply is None
        else f"; {multiply.macs_per_second / 1e9:,.1f} GMAC/s by {multiply.instruction}"
    )
    title = f"limits of one thread, measured: {found.read_bytes_per_second / 1e9:.1f} GB/s read{peak}"
    rows = [
        (
            operator.index,
            operator.kind,
            short_name(operator.output),
            f"{operator.share:.1%}",
            _percent(operator.memory_share),
            _percent(operator.multiply_share),
        )
        for operator in found.operators
    ]
    headers = ("#", "operator", "output", "share", "of it memory", "of it products")
    table(headers, rows, title=title, right=(0, 3, 4, 5), shorten=2)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"

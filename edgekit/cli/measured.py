"""How verbs that measure show the machine's state and what the figures are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edgekit.devices.probe import MachineFacts
    from edgekit.measurement import Assessment, MachineState


def state_rows(machine: MachineFacts, before: MachineState, after: MachineState) -> list[tuple[str, str]]:
    """Rows of a table; what the device does not tell is said to be so."""
    readings = [
        ("model", machine.model),
        ("cores", machine.cores),
        ("clock", _change(before.clock_mhz, after.clock_mhz, " MHz")),
        ("governor", before.governor),
        ("temperature", _change(before.temperature_c, after.temperature_c, " C")),
        ("throttled", None if after.throttled is None else ("yes" if after.throttled else "no")),
        ("load", _change(before.load_average, after.load_average, "", digits=1)),
        ("kernel", machine.kernel),
    ]
    return [(name, str(value) if value is not None else "not readable") for name, value in readings]


def show_verdict(assessment: Assessment) -> None:
    """The verdict, its reasons, and what nobody could look at."""
    click.echo(f"verdict: {assessment.verdict.value}")
    for reason in assessment.reasons:
        click.echo(f"  {reason.rule} ({reason.verdict.value}): {reason.words}")
    if assessment.unseen:
        click.echo(f"  not readable on this device: {', '.join(assessment.unseen)}")


def _change(before: float | None, after: float | None, unit: str, digits: int = 0) -> str | None:
    if before is None or after is None:
        return None
    return f"{before:.{digits}f}{unit} before, {after:.{digits}f}{unit} after"

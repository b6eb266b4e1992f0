"""edgekit targets: list the boards, or describe one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from edgekit.cli.options import json_option
from edgekit.cli.output import emit_json, table

if TYPE_CHECKING:
    from edgekit.target import Target


@click.command(
    "targets",
    epilog="\b\nExamples:\n  edgekit targets\n  edgekit targets rpi4\n  edgekit targets boards/mine.toml",
)
@click.argument("name", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List the boards to build for, or describe the one of NAME (or of a target file of yours)."""
    from edgekit.verbs.targets import targets

    found = targets(name)
    if as_json:
        documents = [dataclasses.asdict(target) | {"architecture": target.architecture} for target in found]
        emit_json({"targets": documents})
    elif name is not None:
        fields = dataclasses.asdict(found[0]) | {"architecture": found[0].architecture}
        table(("field", "value"), [(key, _shown(value)) for key, value in fields.items()])
    else:
        rows = [
            (t.name, t.description, t.architecture, t.cpu, t.cores, t.clock_mhz, _ram(t), _flash(t))
            for t in found
        ]
        headers = ("target", "what it is", "architecture", "cpu", "cores", "MHz", "RAM", "flash")
        table(headers, rows, right=(4, 5, 6, 7))


def _ram(target: Target) -> str | None:
    if target.microcontroller is None:
        return None if target.ram_mib is None else f"{target.ram_mib} MiB"
    return None if target.microcontroller.ram_kib is None else f"{target.microcontroller.ram_kib} KiB"


def _flash(target: Target) -> str | None:
    """Of a microcontroller: a Linux board has a disk."""
    if target.microcontroller is None or target.microcontroller.flash_kib is None:
        return None
    return f"{target.microcontroller.flash_kib} KiB"


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(inner)}" for key, inner in value.items())
    return " ".join(value) if isinstance(value, tuple) else str(value)

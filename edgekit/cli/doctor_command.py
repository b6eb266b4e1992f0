"""edgekit doctor: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import dataclasses

import click

from edgekit.cli.options import json_option
from edgekit.cli.output import emit_json, note, table
from edgekit.errors import ExitCode


@click.command("doctor", epilog="\b\nExamples:\n  edgekit doctor\n  edgekit doctor --emulated --json")
@click.option("--emulated", is_flag=True, help="Also fail if the emulated board lacks something.")
@json_option
@click.pass_context
def command(context: click.Context, emulated: bool, as_json: bool) -> None:
    """Check every tool that EdgeKit uses, and name the command that installs what is missing.

    Nothing is changed. The exit code is 8 if something required is missing.
    """
    from edgekit.verbs.doctor import doctor

    checks = doctor(emulated=emulated)
    missing = [check for check in checks if not check.ok]
    failed = any(check.required for check in missing)
    if as_json:
        emit_json({"ok": not failed, "checks": [dataclasses.asdict(check) for check in checks]})
    else:
        rows = [
            (_state(check.ok, check.required), check.purpose, check.name, check.found) for check in checks
        ]
        table(("", "for", "what", "found"), rows)
        for check in missing:
            if check.fix is not None:
                note(f"{check.name}: {check.fix}")
        note("Everything required is here." if not failed else "Something required is missing.")
    context.exit(ExitCode.TOOL_MISSING if failed else ExitCode.DONE)


def _state(ok: bool, required: bool) -> str:
    return "ok" if ok else "MISSING" if required else "absent"

"""edgekit verify: prove a build bit-exact on a device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.options import (
    PATH,
    device_options,
    json_option,
    probe_options,
    target_option,
    threads_option,
)
from edgekit.cli.output import emit_json, note, progress, table
from edgekit.errors import ExitCode

if TYPE_CHECKING:
    from edgekit.devices.choice import DeviceChoice
    from edgekit.evaluate import OperatorDifference, OutputDifference, Verification


@click.command(
    "verify",
    epilog="\b\nExamples:\n  edgekit verify --host pi.local\n  edgekit verify build/kws/rpi4 --emulated\n"
    "  edgekit verify --host pi.local --deployed --json\n"
    "  edgekit verify --target cortex-m4\n"
    "  edgekit verify --target nucleo-f446re --probe",
)
@click.argument("bundle", required=False, type=PATH)
@target_option
@device_options
@probe_options
@click.option(
    "--deployed", is_flag=True, help="Verify the release that serves there, not a copy of the build."
)
@click.option("--outputs-only", is_flag=True, help="Leave the operators inside out if all outputs are equal.")
@threads_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    bundle: Path | None,
    target: str | None,
    device: DeviceChoice,
    deployed: bool,
    threads: int,
    outputs_only: bool,
    as_json: bool,
) -> None:
    """Compare every output byte of BUNDLE on a device with the oracle's golden vectors.

    BUNDLE is a folder that 'edgekit build' made, or one with several; by default all builds of this
    project. Every operator's output is compared too, in one frame. Where anything differs, the exit
    code is 3 and the first operator that goes wrong is named.

    A build whose engine is LiteRT is held against LiteRT's answers on the machine that built it, within a
    stated tolerance.
    """
    from edgekit.verbs.builds import build_root
    from edgekit.verbs.verify import verify

    with progress(quiet=as_json) as show:
        found = verify(
            bundle,
            device=device,
            builds=build_root(Path.cwd()),
            target=target,
            deployed=deployed,
            threads=threads,
            outputs_only=outputs_only,
            progress=show,
        )
    if as_json:
        emit_json(found)
    else:
        _show(found)
    if not found.passes:
        context.exit(ExitCode.OUTPUTS_DIFFER)


def _show(found: Verification) -> None:
    carried = ", state carried from one to the next" if found.streaming else ""
    rows = [
        ("model", found.model),
        ("built for", found.target),
        ("device", found.device),
        ("reference" if found.engine == "litert" else "oracle", found.oracle),
        ("frames", f"{found.frames}{carried}"),
        ("outputs", _outputs(found)),
        ("operators", _operators(found)),
    ]
    if found.output_difference is not None:
        rows.append(("first output", _output(found.output_difference)))
    if found.operator_difference is not None:
        rows.append(("first operator", _operator(found.operator_difference)))
    table(("verify", ""), rows)
    if found.note is not None:
        note(found.note)


def _outputs(found: Verification) -> str:
    if found.output_difference is None:
        return "equal, every byte"
    distance = "" if found.largest_steps is None else f", by up to {found.largest_steps:.3g} steps"
    allowed = f" ({found.tolerance_steps:.3g} are allowed)" if found.tolerance_steps else ""
    return f"elements that differ: {found.differing_elements}{distance}{allowed}"


def _operators(found: Verification) -> str:
    if found.operator_difference is not None:
        return "one differs"
    if not found.operators_compared:
        return "not compared"
    return f"{found.operators_compared} outputs inside the network equal, in one frame"


def _output(first: OutputDifference) -> str:
    where = f"frame {first.frame}, {first.tensor}{list(first.coordinates)}"
    return f"{where}: {first.actual} instead of {first.expected}"


def _operator(first: OperatorDifference) -> str:
    return (
        f"{first.index}, {first.kind} ({first.kernel}), {first.tensor}{list(first.coordinates)}: "
        f"{first.actual} instead of {first.expected}; elements that differ there: {first.differing_elements}"
    )

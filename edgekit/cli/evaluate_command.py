"""edgekit evaluate: how good a model is, and whether its builds answer alike."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli.evaluation import show_evaluation
from edgekit.cli.options import (
    EXISTING_FILE,
    PATH,
    NamedChoice,
    json_option,
    shared_devices_options,
)
from edgekit.cli.output import emit_json, progress
from edgekit.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edgekit.devices.choice import DeviceChoice
    from edgekit.evaluate import Evaluation


class _Share(click.ParamType[Any]):
    """A share: "1%" or 0.01."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The share, from 0 to 1."""
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            self.fail(f"{value!r} is no share of the samples, as 1% or 0.01 are.", param, ctx)
        return share


class _Limit(click.ParamType[Any]):
    """How many samples, of all or of one: "1000" or "cortex-m4=1000"."""

    name = "limit"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str | None, int]:
        """What the limit is for (None: all), and the number."""
        of, _, number = str(value).rpartition("=")
        if not number.isdecimal() or int(number) < 1:
            self.fail(f"{value!r} is no number of samples, as 1000 or cortex-m4=1000 are.", param, ctx)
        return of or None, int(number)


@click.command(
    "evaluate",
    epilog="\b\nExamples:\n  edgekit evaluate model.tflite --data test.npz\n"
    "  edgekit evaluate net.keras build/net --data test/ --tolerance 1%\n"
    "  edgekit evaluate --target host --target rpi4 --target cortex-m4 --data test.npz --tolerance 0\n"
    "  edgekit evaluate --target rpi4 --host pi1.local --host pi2.local --data images/\n"
    "  edgekit evaluate model.tflite build/model --data test.npz --limit cortex-m4=1000\n"
    "  edgekit evaluate model.tflite --data test.npz --plots plots/ --json",
)
@click.argument("models", nargs=-1, type=PATH, metavar="[MODEL|BUNDLE]...")
@click.option("--data", required=True, metavar="DATA", help="Samples to answer: a file or a folder.")
@click.option(
    "--labels", type=EXISTING_FILE, metavar="FILE", help="A .npy of labels, in place of the data's."
)
@click.option(
    "--target", "targets", multiple=True, metavar="NAME", help="The build for this target; repeatable."
)
@shared_devices_options
@click.option(
    "--task",
    type=NamedChoice(["classification", "regression"]),
    help="What the output means; by default what the labels are.",
)
@click.option("--signature", metavar="NAME", help="The network to take of a SavedModel that has several.")
@click.option("--output", metavar="NAME", help="The output to look at, where there are several.")
@click.option("--top-k", type=click.IntRange(2), default=5, show_default=True, help="For top-k accuracy.")
@click.option(
    "--threshold",
    type=float,
    default=0.5,
    show_default=True,
    help="From where a single score means class 1.",
)
@click.option(
    "--limit",
    "limits",
    multiple=True,
    type=_Limit(),
    metavar="[NAME=]N",
    help="So many samples, lying evenly among the data; for one model or target by its name.",
)
@click.option(
    "--cost/--no-cost", default=True, show_default=True, help="Measure builds' latency or instructions."
)
@click.option(
    "--tolerance",
    type=_Share(),
    metavar="SHARE",
    help="Leave with 4 if more samples are answered unlike the first does: 0, 1%.",
)
@click.option("--plots", type=PATH, metavar="DIR", help="Write confusion matrices and ROC curves there.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    models: tuple[Path, ...],
    data: str,
    labels: Path | None,
    targets: tuple[str, ...],
    devices: tuple[DeviceChoice, ...],
    configured: Callable[[], DeviceChoice | None],
    limits: tuple[tuple[str | None, int], ...],
    signature: str | None,
    cost: bool,
    tolerance: float | None,
    plots: Path | None,
    as_json: bool,
    **scoring: Any,
) -> None:
    """Score models and builds on labelled DATA, and compare what they answer with the first of them.

    A float MODEL (.keras, .h5, .tflite, a SavedModel's folder) answers by LiteRT, an int8 one by the
    reference interpreter, both on this machine; a BUNDLE, or the builds for --target, on their devices: this
    machine if it can run them, else an emulated one. Several --host share the samples of the builds that fit.

    Raw samples are preprocessed as those were that a build was calibrated with; else as the [preprocess]
    table of edgekit.toml says.
    """
    from edgekit.evaluate import Scoring, Task
    from edgekit.project import find_project
    from edgekit.samples import Preprocessing
    from edgekit.verbs.builds import build_root
    from edgekit.verbs.evaluate import evaluate

    task, project = scoring.pop("task"), find_project(Path.cwd())
    if not devices and (targets or not models or any(path.is_dir() for path in models)):
        host = configured()
        devices = () if host is None else (host,)
    with progress(quiet=as_json) as show:
        found = evaluate(
            models,
            data=data,
            labels=labels,
            targets=targets,
            devices=devices,
            builds=build_root(Path.cwd()),
            preprocessing=project.preprocessing if project is not None else Preprocessing(),
            signature=signature,
            scoring=Scoring(task=Task(task) if task else None, **scoring),
            limit=next((number for of, number in reversed(limits) if of is None), None),
            limits={of: number for of, number in limits if of is not None},
            cost=cost,
            tolerance=tolerance,
            plots=plots,
            progress=show,
        )
    if as_json:
        emit_json(_document(found))
    else:
        show_evaluation(found)
    if not found.passes:
        context.exit(ExitCode.BUDGET_EXCEEDED)


def _document(found: Evaluation) -> dict[str, Any]:
    fields: Mapping[str, Any] = {f.name: getattr(found, f.name) for f in dataclasses.fields(found)}
    return {**fields, "passes": found.passes, "beyond_tolerance": found.beyond_tolerance}

"""Options of verbs that quantize: what with, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgekit.cli.options import NamedChoice

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.pipeline import Calibration
    from edgekit.project import Project

Callback = TypeVar("Callback", bound="Callable[..., Any]")

_OPTIONS = (
    click.option(
        "--calibration",
        metavar="WHERE",
        help="Samples to quantize a float MODEL with: a .npz, .npy or .csv, a folder of images, .npy or .wav "
        "files, or module:function.",
    ),
    click.option("--signature", metavar="NAME", help="The network to take of a SavedModel that has several."),
    click.option(
        "--edges",
        type=NamedChoice(["int8", "float"]),
        help="What the quantized model takes and gives: integers (the default), or floats that it scales.",
    ),
    click.option(
        "--ranges",
        type=NamedChoice(["min-max", "moving-average"]),
        help="How an activation's range comes of the samples: all that was seen (the default), or an average "
        "that clips rare outliers.",
    ),
)
_MEANINGLESS_ALONE = ("signature", "edges", "ranges")


def calibration_options(callback: Callback) -> Callback:
    """Add --calibration, --signature, --edges and --ranges to a verb."""
    wrapped: Any = callback
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]  # click's decorators have no type that keeps ours


def calibration_of(
    given: dict[str, str | None], project: Project | None, *, projects_model: bool
) -> Calibration | None:
    """What the options and the project file say; None where nothing is to be quantized.

    The file's own samples are for its own model. Its [preprocess] table holds for all samples.
    """
    own = project if projects_model else None
    where = given["calibration"] or (own.calibration if own is not None else None)
    if where is None:
        idle = [name for name in _MEANINGLESS_ALONE if given[name] is not None]
        if idle:
            raise click.UsageError(f"--{idle[0]} is about quantizing a float model; give --calibration too.")
        return None
    from edgekit.pipeline import Calibration
    from edgekit.quantize import Interface, Quantization, Ranges
    from edgekit.samples import Preprocessing

    return Calibration(
        samples=where,
        preprocessing=project.preprocessing if project is not None else Preprocessing(),
        choices=Quantization(
            Interface(given["edges"] or Interface.INT8.value), Ranges(given["ranges"] or Ranges.MIN_MAX.value)
        ),
        signature=given["signature"] or (own.signature if own is not None else None),
    )

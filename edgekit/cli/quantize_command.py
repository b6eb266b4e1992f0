"""edgekit quantize: from a trained float model to an int8 .tflite file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli.calibration import calibration_of, calibration_options
from edgekit.cli.options import PATH, json_option
from edgekit.cli.output import emit_json, progress, table
from edgekit.cli.quantized import show_findings, source_rows

if TYPE_CHECKING:
    from edgekit.artifacts import QuantizedModel, Tensor
    from edgekit.project import Project


@click.command(
    "quantize",
    epilog="\b\nExamples:\n  edgekit quantize net.keras --calibration samples/ -o net_int8.tflite\n"
    "  edgekit quantize saved_model/ --calibration samples.npz --signature serve\n"
    "  edgekit quantize float.tflite --calibration mine:samples --edges float --json\n"
    "  edgekit quantize",
)
@click.argument("model", required=False, type=PATH)
@calibration_options
@click.option(
    "-o", "--output", type=PATH, metavar="FILE", help="Where to write it; <model>_int8.tflite by default."
)
@click.option("--name", help="What to call the model; its file's name by default.")
@click.option("--dump", type=PATH, metavar="DIR", help="Write the value after every step there, as text.")
@json_option
def command(
    model: Path | None,
    output: Path | None,
    name: str | None,
    dump: Path | None,
    as_json: bool,
    **quantizing: Any,
) -> None:
    """Quantize MODEL to full integer, and write it as a .tflite file.

    MODEL is a .keras, .h5 or float .tflite file, or a SavedModel's folder. What is not given comes from
    edgekit.toml in this folder, whose [preprocess] table says what is done to raw samples.
    """
    from edgekit.project import find_project
    from edgekit.verbs.quantize import quantize

    project = find_project(Path.cwd())
    path = _model(model, project)
    calibration = calibration_of(
        quantizing, project, projects_model=project is not None and path == project.model
    )
    if calibration is None:
        raise click.UsageError("No samples: give --calibration, or set 'calibration' in edgekit.toml.")
    written = output or Path(f"{name or path.absolute().stem}_int8.tflite")
    if written.absolute() == path.absolute():
        raise click.UsageError(f"{written} is the float model; name another file with --output.")
    with progress(quiet=as_json) as show:
        made = quantize(path, calibration=calibration, output=written, name=name, dump=dump, progress=show)
    assert made.quantization is not None
    record = dataclasses.asdict(made.quantization)
    if as_json:
        emit_json(_document(written, made, record))
        return
    rows = [
        ("model", made.name),
        *source_rows(record),
        ("inputs", ", ".join(_shown(each) for each in _edges(made, made.graph.inputs))),
        ("outputs", ", ".join(_shown(each) for each in _edges(made, made.graph.outputs))),
        ("file", f"{written}: {len(made.flatbuffer):,} bytes"),
    ]
    table(("quantized", ""), rows)
    show_findings(record)


def _model(given: Path | None, project: Project | None) -> Path:
    if given is not None:
        return given
    if project is None or project.model is None:
        raise click.UsageError("No model: give MODEL, or set 'model' in edgekit.toml.")
    return project.model


def _edges(made: QuantizedModel, indices: tuple[int, ...]) -> list[Tensor]:
    return [made.graph.tensors[index] for index in indices]


def _shown(tensor: Tensor) -> str:
    return f"{tensor.name} {tensor.dtype.value}{list(tensor.shape)}"


def _document(path: Path, made: QuantizedModel, record: dict[str, Any]) -> dict[str, Any]:
    def tensors(indices: tuple[int, ...]) -> list[dict[str, Any]]:
        return [
            {
                "name": each.name,
                "shape": each.shape,
                "dtype": each.dtype,
                "scale": each.scale if each.quantization else None,
                "zero_point": each.zero_point if each.quantization else None,
            }
            for each in _edges(made, indices)
        ]

    return {
        "path": path,
        "bytes": len(made.flatbuffer),
        "model": {"name": made.name, "digest": made.digest},
        "inputs": tensors(made.graph.inputs),
        "outputs": tensors(made.graph.outputs),
        "quantization": record,
    }

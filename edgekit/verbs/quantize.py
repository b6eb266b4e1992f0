"""Quantize a trained float model to full integer."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.errors import OutputUnwritableError
from edgekit.pipeline import quantize_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgekit.artifacts import QuantizedModel
    from edgekit.pipeline import Calibration

    Progress = Callable[[str, float | None], None]


def quantize(
    model: Path | str,
    *,
    calibration: Calibration,
    output: Path | str | None = None,
    name: str | None = None,
    dump: Path | None = None,
    progress: Progress = lambda _stage, _share: None,
) -> QuantizedModel:
    """Quantize a trained model to full integer: int8 activations, int8 weights per channel.

    The same model, samples, choices and versions of the tools give the same bytes. `build` takes the result
    as its model, and so does every tool that reads `.tflite` files.

    Args:
        model: path of a .keras, .h5 or float32 .tflite file, or of a SavedModel's folder.
        calibration: samples like those that the model was trained with, their preprocessing, and the choices
            of quantization.
        output: where to write the int8 .tflite file; by default it is not written.
        name: what to call the model; its file's name by default.
        dump: a folder for the value after every step, as text.
        progress: called with each step and the share done, 0 to 1, or None where that is not known.

    Returns:
        The model, with a record of how it was made: tools, samples, what the linter found about these.

    Raises:
        UnreadableModelError, UnsupportedModelError, ConversionFailedError: the model cannot be read (7).
        SignatureNotFoundError: it has no such signature, or several and none is named (2).
        WrongValueError: it is quantized already (2).
        SamplesError: the samples cannot be read, do not fit the model or are of no use (2).
        CalibrationError, LeftInFloatError, QuantizerFailedError: it cannot be quantized with them (7).
        MissingExtraError: TensorFlow, the quantizer or Pillow is needed, and not installed (8).
        OutputUnwritableError: the file cannot be written (2).
    """
    made = quantize_model(Path(model), calibration, name=name, dump=dump, progress=progress)
    if output is not None:
        _write(Path(output), made.flatbuffer)
    return made


def _write(path: Path, content: bytes) -> None:
    """The file is whole or as it was before."""
    partial = path.with_name(f".{path.name}.part-{secrets.token_hex(4)}")
    try:
        try:
            partial.write_bytes(content)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise OutputUnwritableError(
            f"{path} cannot be written.",
            why=f"{error.strerror or error}.",
            fix="Name a file in a folder that is there and may be written, with --output.",
        ) from error

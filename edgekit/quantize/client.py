"""Quantizing in a process of its own.

A crash of the libraries is a message then, what they print is kept apart, and their memory comes back.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import edgekit
from edgekit.artifacts import QuantizationRecord
from edgekit.errors import missing_extra
from edgekit.quantize.errors import CalibrationError, LeftInFloatError, QuantizerFailedError
from edgekit.quantize.options import Quantization

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgekit.artifacts import FloatModel
    from edgekit.samples import Samples

    Progress = Callable[[str, float | None], None]

_DEFAULT = Quantization()
_DECIDING_TOOLS = ("ai-edge-quantizer", "ai-edge-litert", "numpy")
_LAST_WORDS = 5  # lines of what a crashed process said


@dataclasses.dataclass(frozen=True)
class Quantized:
    """A full-integer flatbuffer, and how it came to be."""

    flatbuffer: bytes
    record: QuantizationRecord


def quantize(
    model: FloatModel,
    samples: Samples,
    options: Quantization = _DEFAULT,
    progress: Progress = lambda _stage, _share: None,
) -> Quantized:
    """Quantize to full integer: int8 weights per channel, int8 activations, int32 biases.

    The ranges of the activations are those that the float model shows on the samples. The same model,
    samples, options and versions of the tools give the same bytes.

    Raises:
        MissingExtraError: the quantizer is not installed.
        CalibrationError: the samples do not fit the model's inputs, or make it compute infinities or NaN.
        LeftInFloatError: operators of the model have no integer form.
        QuantizerFailedError: the quantizer refuses the model or crashes.
    """
    if importlib.util.find_spec("ai_edge_quantizer") is None:
        raise missing_extra(f"{model.name} cannot be quantized.", "ai-edge-quantizer", "quantize")
    _check_fit(model, samples)
    with tempfile.TemporaryDirectory(prefix="edgekit-quantize-") as name:
        folder = Path(name)
        (folder / "float.tflite").write_bytes(model.flatbuffer)
        for number, array in enumerate(samples.inputs):
            np.save(folder / f"input-{number}.npy", array, allow_pickle=False)
        ending = _run(folder, options, progress)
        _refuse(ending, model, samples)
        flatbuffer = (folder / "int8.tflite").read_bytes()
    progress("quantized", 1.0)
    return Quantized(flatbuffer, _record(model, samples, options))


def _check_fit(model: FloatModel, samples: Samples) -> None:
    """One array for each input, with one value for each of its elements, and at least one sample."""
    why = None
    if len(samples) == 0:
        why = "There is not one sample."
    elif len(samples.inputs) != len(model.inputs):
        why = f"The model has {len(model.inputs)} inputs, and a sample brings {len(samples.inputs)} arrays."
    else:
        for tensor, array in zip(model.inputs, samples.inputs, strict=True):
            if array.shape[1:] != tensor.shape[1:]:
                why = f"{tensor.name} takes {tensor.shape[1:]}, and a sample is {array.shape[1:]}."
                break
    if why is not None:
        raise CalibrationError(
            f"{model.name} cannot be calibrated with {samples.source}.",
            why=why,
            fix="Give samples in the form in which the model was trained with them, a hundred or more.",
        )


def _run(folder: Path, options: Quantization, progress: Progress) -> dict[str, Any]:
    """The worker's last line; what it says before is progress."""
    command = [sys.executable, "-m", "edgekit.quantize.worker", str(folder)]
    with (
        (folder / "messages").open("w+") as messages,
        subprocess.Popen(
            [*command, options.interface.value, options.ranges.value],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            # The worker must find this very package, wherever it was imported from.
            cwd=Path(edgekit.__path__[0]).parent,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            for line in process.stdout:
                told = json.loads(line)
                if "stage" not in told:
                    return dict(told)
                progress(told["stage"], told["share"])
        except BaseException:
            process.kill()
            raise
        process.wait()
        messages.seek(0)
        said = " ".join(messages.read().split("\n")[-_LAST_WORDS:]).strip()
        return {"failed": f"It crashed (exit code {process.returncode}). Its last words: {said or '(none)'}"}


def _refuse(ending: dict[str, Any], model: FloatModel, samples: Samples) -> None:
    """Raise what the worker found wrong."""
    if "failed" in ending:
        raise QuantizerFailedError(
            f"{model.name} cannot be quantized.",
            why=f"The quantizer gave up. {ending['failed']}",
            fix="Look at its operators with `edgekit inspect`; docs/quantization.md says which are known. "
            "A model that is quantized already, by whatever tool, is built as it is.",
        )
    if "not_finite" in ending:
        tensor, sample = ending["not_finite"]
        named = samples.names[sample]
        raise CalibrationError(
            f"{model.name} cannot be calibrated with {samples.source}.",
            why=f"With the sample {named}, {tensor!r} becomes infinite or NaN in the float model.",
            fix="Check that sample and the preprocessing: the values must be of the size that the model was "
            "trained with.",
        )
    if "left_in_float" in ending:
        raise _left_in_float(model, ending["left_in_float"])


def _left_in_float(model: FloatModel, operators: Sequence[tuple[str, str]]) -> LeftInFloatError:
    kinds = ", ".join(dict.fromkeys(kind for kind, _ in operators))
    (kind, output), more = operators[0], len(operators) - 1
    others = f" So would {more} more of its operators ({kinds})." if more else ""
    return LeftInFloatError(
        f"{model.name} cannot be quantized to full integer: {kind}, which writes {output!r}.",
        why=f"There is no integer form of {kind}: it would compute in float.{others}",
        fix="Train the model with another layer in its place; docs/quantization.md has a table of operators "
        "with an integer form. What comes after the last weights can be left to the caller.",
    )


def _record(model: FloatModel, samples: Samples, options: Quantization) -> QuantizationRecord:
    return QuantizationRecord(
        tools={name: importlib.metadata.version(name) for name in _DECIDING_TOOLS},
        weights="int8 per channel",
        interface=options.interface.value,
        ranges=options.ranges.value,
        samples=len(samples),
        samples_digest=samples.digest,
        float_digest=model.digest,
        origin=model.origin,
    )

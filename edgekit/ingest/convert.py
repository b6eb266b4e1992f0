"""Conversion of Keras models and SavedModels, in a process of its own, by TensorFlow."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import edgekit
from edgekit.errors import missing_extra
from edgekit.ingest.convert_failures import crashed, failed, refused
from edgekit.ingest.convert_worker import MODEL_NAME, RESULT_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgekit.ingest.source import SourceFormat

_ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_ENABLE_ONEDNN_OPTS": "0",  # the same sums on every CPU
    "TF_CPP_MIN_LOG_LEVEL": "1",
    "PYTHONHASHSEED": "0",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conversion:
    """A converted model, and what made it."""

    flatbuffer: bytes
    tools: Mapping[str, str]  # name -> version
    signature: str | None  # the one that was taken, of a SavedModel


def convert(path: Path, form: SourceFormat, signature: str | None = None) -> Conversion:
    """A Keras file or a SavedModel as a float32 flatbuffer of one sample; the same file gives the same bytes.

    Raises:
        MissingExtraError: TensorFlow is not installed (exit code 8).
        ConversionFailedError: it refuses the model, or crashes on it (7).
        SignatureNotFoundError: the model has other signatures, or several and none is named (2).
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise missing_extra(f"{path.name} cannot be converted to TFLite.", "tensorflow-cpu", "keras")
    with TemporaryDirectory(prefix="edgekit-convert-") as name:
        folder = Path(name)
        answer, said = _ask(path, form, signature, folder)
        if answer is None:
            raise crashed(path, said)
        if "refused" in answer:
            raise refused(path, answer["refused"])
        if "error" in answer:
            raise failed(path, answer, said)
        flatbuffer = (folder / MODEL_NAME).read_bytes()
    return Conversion(flatbuffer=flatbuffer, tools=answer["tools"], signature=answer.get("signature"))


def _ask(
    path: Path, form: SourceFormat, signature: str | None, folder: Path
) -> tuple[dict[str, Any] | None, str]:
    """The worker's answer, or None if it left none; and what it said."""
    worker = [sys.executable, "-m", "edgekit.ingest.convert_worker"]
    process = subprocess.run(
        [*worker, str(path.absolute()), form.value, signature or "", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # The worker must find this very package, wherever it was imported from.
        cwd=Path(edgekit.__path__[0]).parent,
        env={**os.environ, **_ENVIRONMENT},
        check=False,
    )
    said = process.stdout.decode(errors="replace")
    result = folder / RESULT_NAME
    if process.returncode == 0 and result.is_file():
        return json.loads(result.read_text(encoding="utf-8")), said
    return None, f"{_ending(process.returncode)} {_last_words(said)}"


def _ending(code: int) -> str:
    if code >= 0:
        return f"The process ended with code {code}."
    return f"The process was ended by {signal.Signals(-code).name}" + (
        ", as the kernel does where memory is short." if -code == signal.SIGKILL else "."
    )


def _last_words(said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip() and not re.match(r"[IW]\d{4} |WARNING", line)]
    return f"Its last words: {lines[-1].strip()}" if lines else "It said nothing."

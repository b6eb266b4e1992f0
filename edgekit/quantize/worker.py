"""The process that quantizes: `python -m edgekit.quantize.worker FOLDER INTERFACE RANGES`.

FOLDER holds float.tflite and input-0.npy, input-1.npy, ...; int8.tflite is written beside them. What the
libraries print goes to stderr. On stdout it says how far it is, one JSON document a line, and at last
what came of it: "done", or the one reason why there is no model.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np

from edgekit.quantize.core import LeftInFloat, NotFinite, to_int8
from edgekit.quantize.options import Interface, Quantization, Ranges


def main(folder: Path, options: Quantization) -> None:
    """Quantize what lies in `folder`, and tell the story on stdout."""
    story = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        _tell(story, **_quantized(folder, options, story))
    except Exception as error:  # whatever it is, the client tells the user
        _tell(story, failed=f"{type(error).__name__}: {error}")


def _quantized(folder: Path, options: Quantization, story: IO[str]) -> dict[str, Any]:
    """Do it, and say what came of it."""
    files = sorted(folder.glob("input-*.npy"), key=lambda file: int(file.stem.split("-")[1]))
    inputs = [np.load(file, mmap_mode="r", allow_pickle=False) for file in files]

    def progress(stage: str, share: float | None) -> None:
        _tell(story, stage=stage, share=share)

    result = to_int8((folder / "float.tflite").read_bytes(), inputs, options, progress)
    if isinstance(result, NotFinite):
        return {"not_finite": [result.tensor, result.sample]}
    if isinstance(result, LeftInFloat):
        return {"left_in_float": [[operator.kind, operator.output] for operator in result.operators]}
    (folder / "int8.tflite").write_bytes(result)
    return {"done": True}


def _tell(story: IO[str], **what: Any) -> None:
    story.write(json.dumps(what) + "\n")
    story.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Quantization(Interface(sys.argv[2]), Ranges(sys.argv[3])))

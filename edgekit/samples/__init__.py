"""Samples of a model's inputs, for calibration and evaluation: readers, the preprocessing, the linter.

`read.read_samples` is the door: it takes what a user named, and gives float32 arrays that fit the model's
inputs. `preprocessing` says what is done to a raw image, sound or number on the way, one exact definition
for calibration, evaluation and the device. `lint` says what is wrong with samples before it costs accuracy.
"""

from __future__ import annotations

from edgekit.samples.finding import Finding
from edgekit.samples.lint import lint, require_usable
from edgekit.samples.preprocessing import Preprocessing
from edgekit.samples.read import read_samples
from edgekit.samples.samples import Samples

__all__ = ["Finding", "Preprocessing", "Samples", "lint", "read_samples", "require_usable"]

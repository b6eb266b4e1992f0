"""Evaluate: is a built model's answer the right one, and what does it answer to inputs of yours."""

from __future__ import annotations

from edgekit.evaluate.first_difference import OperatorDifference
from edgekit.evaluate.run import run_bundle
from edgekit.evaluate.tensor_files import load_tensors, save_tensors
from edgekit.evaluate.verify import OutputDifference, Verification, verify_bundle

__all__ = [
    "OperatorDifference",
    "OutputDifference",
    "Verification",
    "load_tensors",
    "run_bundle",
    "save_tensors",
    "verify_bundle",
]

"""Readers of model files. They know formats, and nothing of operators' arithmetic or of targets."""

from __future__ import annotations

from edgekit.ingest.tflite_reader import read_tflite
from edgekit.ingest.variables import variable_name

__all__ = ["read_tflite", "variable_name"]

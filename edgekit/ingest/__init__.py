"""Readers of model files. They know formats, and nothing of operators' arithmetic or of targets."""

from __future__ import annotations

from edgekit.ingest.costs import macs
from edgekit.ingest.tflite_reader import read_tflite
from edgekit.ingest.variables import variable_name

__all__ = ["macs", "read_tflite", "variable_name"]

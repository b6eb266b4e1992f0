"""Readers of model files. They know formats, and nothing of operators' arithmetic or of targets."""

from __future__ import annotations

from edgekit.ingest.costs import macs
from edgekit.ingest.float_reader import read_float
from edgekit.ingest.source import is_quantized
from edgekit.ingest.tflite_reader import read_tflite
from edgekit.ingest.variables import variable_name

__all__ = ["is_quantized", "macs", "read_float", "read_tflite", "variable_name"]

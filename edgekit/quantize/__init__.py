"""From a float model and samples to a full-integer model.

`client.quantize` is the door. The work is done in a process of its own (`worker`, `core`), the only one that
knows ai-edge-quantizer.
"""

from __future__ import annotations

from edgekit.quantize.client import Quantized, quantize
from edgekit.quantize.options import Interface, Quantization, Ranges

__all__ = ["Interface", "Quantization", "Quantized", "Ranges", "quantize"]

"""What a user may choose about quantization."""

from __future__ import annotations

import dataclasses
from enum import StrEnum


class Interface(StrEnum):
    """The type of a quantized model's inputs and outputs."""

    INT8 = "int8"  # integers go in and come out: the caller scales
    FLOAT = "float"  # the model scales, by a QUANTIZE and a DEQUANTIZE at its edges


class Ranges(StrEnum):
    """How the range of an activation comes of what was seen of it."""

    MIN_MAX = "min-max"  # the least and the greatest value in any sample: nothing seen is clipped
    MOVING_AVERAGE = "moving-average"  # of each sample's least and greatest value: rare outliers are clipped


@dataclasses.dataclass(frozen=True)
class Quantization:
    """The choices. Weights are int8 per channel, activations int8, biases int32, whatever is chosen."""

    interface: Interface = Interface.INT8
    ranges: Ranges = Ranges.MIN_MAX

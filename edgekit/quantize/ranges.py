"""From what was seen of each activation in each sample to one range of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.quantize.options import Ranges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgekit.quantize.observe import Observed

_SMOOTHING = 0.95  # what TensorFlow's and ai-edge-quantizer's moving averages keep at each sample


def ranges(observed: Observed, how: Ranges) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The least and the greatest value of each of the tensors, as float32.

    Samples count in their order: the moving average starts at the first one's values.
    """
    if how is Ranges.MIN_MAX:
        return observed.minima.min(axis=0), observed.maxima.max(axis=0)
    return _moving_average(observed.minima), _moving_average(observed.maxima)


def _moving_average(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    average: NDArray[np.float64] = rows[0].astype(np.float64)
    for row in rows[1:]:
        average = _SMOOTHING * average + (1 - _SMOOTHING) * row
    return average.astype(np.float32)
